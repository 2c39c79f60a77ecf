package bulk

// SetMaxPending sets how many queued lookups a run keeps for its end.
func (r *EnrichRun) SetMaxPending(n int) { r.maxPending = n }
