package redisstore

// MaxCalls bounds the calls that are under way.
const MaxCalls = maxCalls

// Late returns how many calls are under way after their callers have returned.
func Late(s *Store) int { return int(s.late.Load()) }
