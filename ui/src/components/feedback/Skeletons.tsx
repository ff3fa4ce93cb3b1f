import { Skeleton, Stack } from "@mantine/core"

/** Stands for a page while its script comes. */
export function PageSkeleton() {
  return (
    <Stack gap="md" aria-busy="true" aria-label="Loading" role="status">
      <Skeleton h={28} w={220} />
      <Skeleton h={120} />
      <RowSkeletons rows={8} />
    </Stack>
  )
}

interface RowsProps {
  rows: number
  /** Height of the rows that will stand there, in px. */
  height?: number
}

/** Stands for rows of a list. */
export function RowSkeletons({ rows, height = 36 }: RowsProps) {
  return (
    <Stack gap={4}>
      {Array.from({ length: rows }, (_, index) => index).map((index) => (
        <Skeleton key={index} h={height} radius="sm" />
      ))}
    </Stack>
  )
}
