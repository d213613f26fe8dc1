import assert from "node:assert/strict";
import test from "node:test";
import { address, placeOf } from "../../cloud/page/src/router.js";

test("an address leads back to its place, whatever characters a name has", () => {
  for (const name of ["match-17", "a/b", "ü?#&=%", "..", "<img>"]) {
    assert.equal(placeOf(address("sessions", name, "watch")).name, name);
    assert.equal(placeOf(address("sessions", name, "watch")).view, "watch");
  }
});

test("the bare page is the fleet", () => {
  for (const fragment of ["", "#", "#/"]) assert.equal(placeOf(fragment).view, "fleet");
});

test("an address that names no view is missing", () => {
  for (const fragment of ["#/sessions/a/b/c", "#/admin", "#/sessions/%E0%A4%A"]) {
    assert.equal(placeOf(fragment).view, "missing");
  }
});

test("what follows the question mark is the query", () => {
  assert.equal(placeOf("#/sessions?state=OPEN").query.get("state"), "OPEN");
});
