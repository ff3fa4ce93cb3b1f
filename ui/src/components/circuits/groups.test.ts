// @vitest-environment node
import { describe, expect, it } from "vitest"
import { groupedLines, plainLines, tagsOf } from "./groups"

const TAGS = tagsOf({
  items: [
    { tag: "eu", agents: ["ann", "bob"] },
    { tag: "pay", agents: ["ann"] },
  ],
})
const NAMES = ["dan", "bob", "ann"]
const inTrouble = (name: string) => name === "bob"

function keysOf(lines: { key: string }[]): string[] {
  return lines.map(({ key }) => key)
}

describe("circuits below their tags", () => {
  it("keep their order, stand below each tag, and last come those without", () => {
    const lines = groupedLines(NAMES, TAGS, inTrouble, new Set())
    expect(keysOf(lines)).toEqual(["eu/", "eu/bob", "eu/ann", "pay/", "pay/ann", "/", "/dan"])
    expect(lines[0]).toEqual({ key: "eu/", tag: "eu", size: 2, trouble: 1, folded: false })
  })

  it("are counted, not shown, where they are folded", () => {
    const lines = groupedLines(NAMES, TAGS, inTrouble, new Set(["eu/", "/"]))
    expect(keysOf(lines)).toEqual(["eu/", "pay/", "pay/ann", "/"])
    expect(lines[0]).toMatchObject({ size: 2, folded: true })
  })

  it("leave out tags of which no circuit passes the filter", () => {
    expect(keysOf(groupedLines(["bob"], TAGS, inTrouble, new Set()))).toEqual(["eu/", "eu/bob"])
  })
})

it("without groups are themselves", () => {
  expect(plainLines(["b", "a"])).toEqual([
    { key: "b", agent: "b" },
    { key: "a", agent: "a" },
  ])
})
