import { expect, it } from "vitest"
import { sharesOf } from "./shares"

it("counts names, the most frequent first", () => {
  expect(sharesOf(["b", "a", "b"])).toEqual([
    { name: "b", count: 2 },
    { name: "a", count: 1 },
  ])
})
