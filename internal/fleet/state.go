package fleet

// State is what a store keeps of a limiter. The zero value is that of a limiter that has not
// been used yet, or that the store has forgotten.
type State struct {
	Epoch  int64 `json:"epoch"`  // tickets of another one are void
	Now    int64 `json:"now"`    // the latest time seen
	Next   int64 `json:"next"`   // when the next turn is due that nobody has reserved
	Full   int64 `json:"full"`   // when a burst is possible again, after the confirmed turns
	Paused int64 `json:"paused"` // the end of a pause
}

// Turn is one step of a limiter, at this time of the store's clock.
func (s *State) Turn(now int64, q Request) Reply {
	strict := q.Gap - q.Gap/100 // the confirmed turns may be a little closer than planned ones
	if s.Epoch == 0 || now < s.Now-Skew {
		// Turns may have been confirmed until 2*Ahead from now. None follows sooner.
		from := now + 2*Ahead + q.Gap
		*s = State{Epoch: now, Next: from, Full: from + (q.Burst-1)*strict}
	}
	now = max(now, s.Now)
	s.Now = now
	if s.Next+Late < now {
		s.Epoch = now // no ticket is valid any more, unless this state is an old copy
	}
	s.Full = max(s.Full, min(q.Full, now+2*Ahead+q.Burst*q.Gap))
	if q.Pause > 0 {
		s.Paused = max(s.Paused, now+q.Pause)
	}
	r := Reply{Now: now}
	ticket := q.Ticket
	switch {
	case ticket.Epoch != s.Epoch, ticket.At+Late < now, ticket.At < s.Paused && now < s.Paused:
		ticket = Ticket{}
	default:
		ticket, r.Grant = s.confirm(ticket, q, strict)
	}
	if want := q.Want - r.Grant.N; want > 0 && ticket.N == 0 {
		ticket = s.reserve(min(want, q.Batch), q)
		if r.Grant.N == 0 {
			ticket, r.Grant = s.confirm(ticket, q, strict)
		}
	}
	r.Ticket, r.Paused, r.Full = ticket, s.Paused, s.Full
	return r
}

// confirm returns the ticket as a grant if it is due. Else it returns it as a ticket.
func (s *State) confirm(ticket Ticket, q Request, strict int64) (kept, grant Ticket) {
	at := max(s.Now, ticket.At, s.Full-(q.Burst-1)*strict)
	if at > s.Now+Ahead {
		ticket.At = at
		return ticket, Ticket{}
	}
	s.Full = max(s.Full+ticket.N*strict, at+(ticket.N-1)*q.Gap+strict)
	return Ticket{}, Ticket{At: at, N: ticket.N}
}

// reserve returns a ticket for the next turns: n, or as many as fit into [Ahead].
func (s *State) reserve(n int64, q Request) Ticket {
	n = max(1, min(n, 1+Ahead/q.Gap))
	from := max(s.Next, s.Paused, s.Now-(q.Burst-1)*q.Gap)
	s.Next = from + n*q.Gap
	return Ticket{Epoch: s.Epoch, At: max(from, s.Now), N: n}
}
