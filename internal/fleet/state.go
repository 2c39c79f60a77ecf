package fleet

// State is what a store keeps of a limiter. The zero value is that of a limiter that has not
// been used yet, or that the store has forgotten.
type State struct {
	Epoch  int64 `json:"epoch"`  // tickets of another one are void
	Now    int64 `json:"now"`    // the latest time seen
	Next   int64 `json:"next"`   // when the first turn is due that no process has reserved
	Full   int64 `json:"full"`   // when a burst is possible again, after the confirmed turns
	Paused int64 `json:"paused"` // the end of a pause

	// The rest is for a budget that is learned.
	Gap     int64  `json:"gap,omitempty"`
	Until   int64  `json:"until,omitempty"` // the end of a pause, as far as it is learned
	Learner int64  `json:"learner,omitempty"`
	Lease   int64  `json:"lease,omitempty"` // until when it is the one that learns
	Events  string `json:"events,omitempty"`
	Memory  string `json:"memory,omitempty"`
}

// Turn is one step of a limiter, at this time of the store's clock.
func (s *State) Turn(now int64, q Request) Reply {
	if s.Epoch == 0 || now < s.Now-Skew {
		// Turns may have been confirmed until 2*Ahead from now. None follows sooner.
		from := now + 2*Ahead + q.Gap
		*s = State{Epoch: now, Next: from, Full: from + (q.Burst-1)*strict(q.Gap)}
		if q.ID != 0 {
			s.Gap = q.Gap
		}
	}
	now = max(now, s.Now)
	s.Now = now
	s.Full = max(s.Full, min(q.Full, now+2*Ahead+q.Burst*q.Gap))
	if q.Pause > 0 {
		s.Paused = max(s.Paused, now+q.Pause)
	}
	r := Reply{Now: now}
	if q.ID != 0 {
		s.learn(q, &r)
		q.Gap = s.Gap
	}
	r.Gap, r.Paused = q.Gap, max(s.Paused, s.Until)
	if q.Gap == 0 {
		s.release(q, &r)
	} else {
		s.take(q, &r)
	}
	r.Full = s.Full
	return r
}

// strict is the least time between two confirmed turns: they may be a little closer than
// planned ones.
func strict(gap int64) int64 { return gap - gap/100 }

// learn stores what has been learned, and passes on the events.
func (s *State) learn(q Request, r *Reply) {
	if q.Memory != "" && (s.Learner == 0 || s.Learner == q.ID) {
		until := q.Until
		if s.Events != "" { // which it does not know of yet
			until = max(until, s.Until)
		}
		if q.Gap < s.Gap-s.Gap/4 || until < s.Until {
			s.Epoch = max(s.Now, s.Epoch+1) // what is reserved would be too late
			s.Next, s.Full = min(s.Next, s.Now+q.Gap), min(s.Full, s.Now+q.Gap)
		}
		s.Learner, s.Gap, s.Until, s.Memory = q.ID, q.Gap, until, q.Memory
	}
	if q.Hold > 0 && s.Gap == 0 {
		s.Until = max(s.Until, s.Now+q.Hold)
	}
	if s.Events += q.Events; len(s.Events) > MostEvents {
		s.Events = q.Events
	}
	if s.Learner != q.ID && s.Lease < s.Now {
		s.Learner, r.Memory = q.ID, s.Memory
	}
	if s.Learner == q.ID {
		s.Lease = max(s.Now, s.Paused, s.Until) + Lease
		r.Events, s.Events = s.Events, ""
	}
	r.Learner = s.Learner
}

// release grants all that is wanted, once no pause lasts.
func (s *State) release(q Request, r *Reply) {
	switch {
	case q.Want == 0:
	case r.Paused > s.Now+Ahead:
		r.Ticket = Ticket{At: r.Paused, N: q.Want} // void once requests are held back
	default:
		r.Grant = Ticket{At: max(s.Now, r.Paused), N: q.Want}
	}
}

// take confirms a ticket and reserves the next one.
func (s *State) take(q Request, r *Reply) {
	ticket := q.Ticket
	if ticket.Epoch != s.Epoch || ticket.At+Late < s.Now || ticket.At < r.Paused && s.Now < r.Paused {
		ticket = Ticket{}
	} else {
		ticket, r.Grant = s.confirm(ticket, q)
	}
	if want := q.Want - r.Grant.N; want > 0 && ticket.N == 0 {
		ticket = s.reserve(want, q, r.Paused)
		if r.Grant.N == 0 {
			ticket, r.Grant = s.confirm(ticket, q)
		}
	}
	r.Ticket = ticket
}

// confirm returns the ticket as a grant if it is due. Else it returns it as a ticket.
func (s *State) confirm(ticket Ticket, q Request) (kept, grant Ticket) {
	gap := strict(q.Gap)
	ticket.N = min(ticket.N, 1+Ahead/q.Gap) // the gap may have been a smaller one
	at := max(s.Now, ticket.At, s.Full-(q.Burst-1)*gap)
	if at > s.Now+Ahead {
		ticket.At = at
		return ticket, Ticket{}
	}
	s.Full = max(s.Full+ticket.N*gap, at+(ticket.N-1)*q.Gap+gap)
	return Ticket{}, Ticket{At: at, N: ticket.N}
}

// reserve returns a ticket for the next turns: as many as fit into [Ahead], and as are due
// before a batch of turns from now. If other processes have reserved those, it is one.
func (s *State) reserve(want int64, q Request, paused int64) Ticket {
	gap := q.Gap
	from := max(s.Next, paused, s.Now-(q.Burst-1)*gap)
	n := max(1, min(want, q.Batch-max(0, from-s.Now)/gap, 1+Ahead/gap))
	s.Next = from + n*gap
	return Ticket{Epoch: s.Epoch, At: max(from, s.Now), N: n}
}
