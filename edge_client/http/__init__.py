"""HTTP through `requests`, bare of everything that would surprise: no proxies, cookies, redirects or retries."""
