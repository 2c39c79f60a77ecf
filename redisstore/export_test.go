package redisstore

import "github.com/growthgenius/growthgenius-go/internal/fleet"

// MaxCalls bounds the calls that are under way.
const MaxCalls = maxCalls

// LimiterState returns the state of a limiter.
func LimiterState(s *Store, name string) fleet.Store { return limiterState{s, s.prefix + name} }
