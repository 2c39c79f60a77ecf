package growthgeniustest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestListCapOrders: which records remain of a list that is cut short.
func TestListCapOrders(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for by, want := range map[growthgeniustest.CapOrder]string{
		growthgeniustest.CapByCreation: "1 2", growthgeniustest.CapByOldest: "2 3", growthgeniustest.CapByNewest: "1 4",
	} {
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithListCap(2, by))
		for i, age := range []int{1, 3, 2, 0} {
			srv.AddContacts(growthgenius.Contact{ID: growthgenius.IntID(int64(i + 1)), UpdatedAt: at.Add(-time.Duration(age) * time.Minute)})
		}
		list, err := srv.Client().Contacts.List(t.Context(), growthgenius.ListOptions{})
		if got := idsOf(list); got != want || err != nil {
			t.Errorf("%d: %s, %v", by, got, err)
		}
	}
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithListCap(10, growthgeniustest.CapByNothing))
	srv.AddContacts(make([]growthgenius.Contact, 30)...)
	first, err := srv.Client().Contacts.List(t.Context(), growthgenius.ListOptions{})
	again, err2 := srv.Client().Contacts.List(t.Context(), growthgenius.ListOptions{})
	if len(first) != 10 || idsOf(first) != idsOf(again) || err != nil || err2 != nil || strings.HasPrefix(idsOf(first), "1102755 1102756 1102757 1102758") {
		t.Errorf("%s and %s, %v", idsOf(first), idsOf(again), err)
	}
}

func idsOf(list []growthgenius.Contact) string {
	var ids []string
	for _, c := range list {
		ids = append(ids, string(c.ID))
	}
	return strings.Join(ids, " ")
}

// TestSeedsHaveTimesOfTheirOwn: contacts that are added at once can be told apart by time.
func TestSeedsHaveTimesOfTheirOwn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithClock(func() time.Time { return now }))
	added := srv.AddContacts(make([]growthgenius.Contact, 3)...)
	if !slices.IsSortedFunc(added, func(a, b growthgenius.Contact) int {
		return a.UpdatedAt.Compare(b.UpdatedAt.Add(-time.Millisecond))
	}) || added[2].UpdatedAt.After(now) || added[1].UpdatedAt.Equal(added[2].UpdatedAt) {
		t.Errorf("%+v", added)
	}
}

// TestListShapes: lists with keys, bounds in another zone, and what stands beside a list.
func TestListShapes(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Hour)
	lists := func(srv *growthgeniustest.Server, from, to time.Duration) (string, error) {
		srv.AddContacts(growthgenius.Contact{ID: "7", UpdatedAt: at}, growthgenius.Contact{ID: "8", UpdatedAt: at})
		var info growthgenius.ResponseInfo
		list, err := srv.Client().Contacts.List(t.Context(), growthgenius.ListOptions{From: at.Add(from), To: at.Add(to)}, growthgenius.CaptureResponse(&info))
		if info.StatusCode != http.StatusOK && info.StatusCode != http.StatusPartialContent {
			t.Errorf("status %d", info.StatusCode)
		}
		return idsOf(list), err
	}
	keyed := growthgeniustest.NewServer(t, growthgeniustest.WithKeyedLists())
	if got, err := lists(keyed, -time.Hour, time.Hour); got != "7 8" || err != nil {
		t.Errorf("keyed: %s, %v", got, err)
	}
	if got, err := keyed.Client().Contacts.List(t.Context(), growthgenius.ListOptions{To: at.Add(-time.Hour)}); len(got) != 0 || err != nil {
		t.Errorf("keyed and empty: %v, %v", got, err)
	}
	west := growthgeniustest.WithBoundsIn(time.FixedZone("", -5*3600))
	for zone, tt := range map[string]struct {
		from, to time.Duration
		want     string
	}{"in the future": {-time.Hour, time.Hour, ""}, "there": {-6 * time.Hour, -4 * time.Hour, "7 8"}} {
		if got, err := lists(growthgeniustest.NewServer(t, west), tt.from, tt.to); got != tt.want || err != nil {
			t.Errorf("%s: %s, %v", zone, got, err)
		}
	}
	for name, fault := range map[string]growthgeniustest.Fault{
		"has_more": {Beside: `"has_more":true`}, "status 206": {Status: 206}, "an error": {Beside: `"error":"x"`},
		"a link": {Header: http.Header{"Link": {`</2>; rel="next"`}}},
	} {
		srv := growthgeniustest.NewServer(t)
		srv.Inject(fault)
		if got, err := lists(srv, -time.Hour, time.Hour); got != "7 8" || !errors.Is(err, growthgenius.ErrPartialResults) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Beside: `"error":"x"`, Times: 1})
	if err := srv.Client().Do(t.Context(), "GET", "/contacts/1", nil, nil, nil); err == nil {
		t.Error("a missing contact")
	}
}
