import { describe, expect, it } from "vitest"
import { timelineSearch } from "../../pages/TimelineSearch"
import { ALL_GROUPS, groupsFrom, keyOf, kindsOf } from "./kinds"

describe("kinds", () => {
  it("of an address that names none are all", () => {
    expect(groupsFrom(undefined)).toEqual(ALL_GROUPS)
    expect(groupsFrom(["failure", "strange"])).toEqual(["failure"])
  })

  it("of a list of changes leave calls out", () => {
    expect(kindsOf(["transition", "failure"], false)).toEqual(["transition"])
    expect(kindsOf(["shadow"], false)).toEqual(["shadow", "shadow_set"])
    expect(kindsOf(["transition", "failure"], true)).toEqual(["transition", "failure", "timeout"])
  })

  it("tell a transition from the call that has the same id", () => {
    const id = "1700000000000-0"
    expect(keyOf({ kind: "transition", id })).not.toBe(keyOf({ kind: "failure", id }))
  })
})

describe("the address of a timeline", () => {
  it("takes what it understands and leaves out the rest", () => {
    expect(
      timelineSearch({
        from: 10,
        to: 20,
        sel: "5-0",
        at: 12,
        kinds: ["failure"],
        list: "all",
        x: 1,
      }),
    ).toEqual({ from: 10, to: 20, sel: "5-0", at: 12, kinds: ["failure"], list: "all" })
    expect(timelineSearch({ from: 20, to: 10, at: -1, span: 1.5, list: "none" })).toEqual({})
    expect(timelineSearch({ sel: 7 })).toEqual({ sel: "7" })
  })
})
