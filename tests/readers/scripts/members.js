// Prints what stands in an index: every gzip member inflated alone, by nothing but what browsers have.
// node members.js FOLDER
import { readFileSync } from 'node:fs'

const [folder] = process.argv.slice(2)
const content = readFileSync(`${folder}/frames.jsonl.gz`)
const { blocks } = JSON.parse(await inflated(readFileSync(`${folder}/blocks.json.gz`)))

function inflated(member) {
  return new Response(new Blob([member]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

async function framesOf({ offset, length_bytes: length }) {
  const text = await inflated(content.subarray(offset, offset + length))
  return text.trimEnd().split('\n').map((line) => JSON.parse(line))
}

const facts = { frames: 0, last_number: 0, numbers_sum: 0, null_angles: 0, angle_thousandths: 0 }
let wrong = 0
for (const block of blocks) {
  const frames = await framesOf(block)
  const first = frames[0].frame_number
  const last = frames.at(-1).frame_number
  if (frames.length !== block.count || first !== block.first_frame || last !== block.last_frame) wrong += 1
  for (const { frame_number: number, papi_a: light } of frames) {
    facts.frames += 1
    facts.last_number = number
    facts.numbers_sum += number
    if (light.angle === null) facts.null_angles += 1
    else facts.angle_thousandths += Math.round(light.angle * 1000)
  }
}
console.log(JSON.stringify({ members: blocks.length, wrong, facts }))
