package growthgeniustest_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestBodies: a body may be missing, or have no end, with any status and Retry-After. The
// request is carried out only with Commit.
func TestBodies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault   growthgeniustest.Fault
		want    error
		created int
	}{
		{growthgeniustest.Fault{Effect: growthgeniustest.EmptyBody}, growthgenius.ErrOutcomeUnknown, 0},
		{growthgeniustest.Fault{Effect: growthgeniustest.EmptyBody, Commit: true}, nil, 1},
		{growthgeniustest.Fault{Effect: growthgeniustest.EmptyBody, Status: 422}, growthgenius.ErrValidation, 0},
		{growthgeniustest.Fault{Effect: growthgeniustest.EndlessBody, Status: 422}, growthgenius.ErrValidation, 0},
		{growthgeniustest.Fault{Effect: growthgeniustest.EndlessBody, Commit: true}, nil, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
			tt.fault.Method = "POST"
			srv.Inject(tt.fault)
			client := srv.Client(growthgenius.WithMaxResponseBytes(100 << 10))
			_, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("a@example.com")})
			if n := len(srv.Ledger()); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || n != tt.created {
				t.Errorf("%+v: %d were created, %v", tt.fault, n, err)
			}
		})
	}
}
