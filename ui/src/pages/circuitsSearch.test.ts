// @vitest-environment node
import { describe, expect, it } from "vitest"
import { circuitsSearch } from "./circuitsSearch"

describe("the filters in the address", () => {
  it("are read as they were written", () => {
    const said = { state: ["open", "half_open"], q: "bill", tag: "eu", by: "tag" }
    expect(circuitsSearch(said)).toEqual(said)
  })

  it("may name one state without a list, as links by hand do", () => {
    expect(circuitsSearch({ state: "open" })).toEqual({ state: ["open"] })
  })

  it("that mean nothing are left out", () => {
    expect(
      circuitsSearch({ state: ["ajar", 7], q: 5, tag: ["eu"], by: "size", other: true }),
    ).toEqual({})
  })
})
