/** Help stands below: however long it is, the fields of a row begin at one height. */
export const PARTS: ("label" | "input" | "error" | "description")[] = [
  "label",
  "input",
  "error",
  "description",
]
