package redisstore

import "github.com/growthgenius/growthgenius-go/internal/fleet"

// MaxCalls bounds the calls that are under way.
const MaxCalls = maxCalls

// Late returns how many calls are under way after their callers have returned.
func Late(s *Store) int { return int(s.late.Load()) }

// LimiterState returns the state of a limiter.
func LimiterState(s *Store, name string) fleet.Store { return limiterState{s, s.prefix + name} }
