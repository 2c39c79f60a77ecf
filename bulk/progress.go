package bulk

// Outcome is what became of a unit of a job.
type Outcome string
