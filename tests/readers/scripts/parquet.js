// Prints what hyparquet reads of a file of the lake: all rows of two columns, and a few rows out of the middle.
// node parquet.js FILE FIRST END
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'

const [path, first, end] = process.argv.slice(2)
const file = await asyncBufferFromFile(path)
const metadata = await parquetMetadataAsync(file)

const facts = { frames: 0, last_number: 0, numbers_sum: 0, null_angles: 0, angle_thousandths: 0 }
for (const row of await parquetReadObjects({ file, metadata, columns: ['frame_number', 'papi_a_angle'] })) {
  facts.frames += 1
  facts.last_number = Number(row.frame_number)
  facts.numbers_sum += facts.last_number
  if (row.papi_a_angle === null) facts.null_angles += 1
  else facts.angle_thousandths += Math.round(row.papi_a_angle * 1000)
}
const rows = await parquetReadObjects({ file, metadata, rowStart: Number(first), rowEnd: Number(end) })
const some = rows.map((row) => [Number(row.frame_number), row.session, row.papi_a_angle])
console.log(JSON.stringify({ facts, groups: metadata.row_groups.length, some }))
