package growthgenius_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// whole is a list of two contacts, and the ids that List and Stream are to return of it.
const whole = `{"contacts":[{"id":1},{"id":2}]}`

// listed returns the ids that List and Stream return of a response, and their error.
func listed(t *testing.T, res func() *http.Response) (ids string, err error) {
	t.Helper()
	s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return res(), nil }}
	c := testkit.Scripted(t, s)
	list, err := c.Contacts.List(t.Context(), testkit.Everything)
	for _, contact := range list {
		ids += string(contact.ID)
	}
	streamed := ""
	var streamErr error
	for contact, err := range c.Contacts.Stream(t.Context(), testkit.Everything) {
		if streamErr = err; err == nil {
			streamed += string(contact.ID)
		}
	}
	decode := errors.Is(err, growthgenius.ErrDecode) && errors.Is(streamErr, growthgenius.ErrDecode) // one names the record
	if !decode && (streamed != ids || fmt.Sprint(err) != fmt.Sprint(streamErr)) {
		t.Errorf("List: %q, %v; Stream: %q, %v", ids, err, streamed, streamErr)
	}
	return ids, err
}

// TestListsSayThatTheyArePartial: what a response says of itself, in its status, its headers
// or beside its list, is an error after the records that it has.
func TestListsSayThatTheyArePartial(t *testing.T) {
	t.Parallel()
	beside := func(members string) string { return strings.TrimSuffix(whole, "}") + "," + members + "}" }
	for name, tt := range map[string]struct {
		status  int
		body    string
		headers []string
		partial bool
	}{
		"whole":                         {200, whole, nil, false},
		"status 206":                    {206, whole, nil, true},
		"status 206 with all":           {206, whole, []string{"Content-Range", "contacts 0-1/2"}, false},
		"a Content-Range":               {200, whole, []string{"Content-Range", "contacts 0-1/3"}, true},
		"a Content-Range of all":        {200, whole, []string{"Content-Range", "0-1/2"}, false},
		"a link to the next page":       {200, whole, []string{"Link", `<https://api.example.com/contacts?page=2>; rel="next"`}, true},
		"a link to the first page":      {200, whole, []string{"Link", `<https://api.example.com/contacts?page=1>; rel="first"`}, false},
		"a total in a header":           {200, whole, []string{"X-Total-Count", "3"}, true},
		"the total in a header":         {200, whole, []string{"X-Total-Count", "2"}, false},
		"has_more":                      {200, beside(`"has_more":true`), nil, true},
		"next_cursor":                   {200, beside(`"next_cursor":"a"`), nil, true},
		"no next_cursor":                {200, beside(`"next_cursor":null,"next_page":"","has_more":false,"truncated":false`), nil, false},
		"total_pages":                   {200, beside(`"pagination":{"page":1,"total_pages":2}`), nil, true},
		"total_entries":                 {200, beside(`"total_entries":250`), nil, true},
		"success false":                 {200, beside(`"success":false`), nil, true},
		"an error":                      {200, beside(`"error":{"message":"shard 3 timed out"}`), nil, true},
		"no error":                      {200, beside(`"error":null,"errors":[],"success":true`), nil, false},
		"a keyed list with an error":    {200, `{"contacts":{"1":{"id":1},"2":{"id":2}},"errors":["x"]}`, nil, true},
		"a keyed list":                  {200, `{"contacts":{"1":{"id":1},"2":{"id":2}}}`, nil, false},
		"a keyed list, no envelope":     {200, `{"0":{"id":1},"1":{"id":2}}`, nil, false},
		"a single contact, and a total": {200, `{"contact":{"id":1},"contacts":[{"id":2}],"total":3}`, nil, true},
	} {
		ids, err := listed(t, func() *http.Response { return testkit.Reply(tt.status, tt.body, tt.headers...) })
		if ids != "12" || (err != nil) != tt.partial || err != nil && !errors.Is(err, growthgenius.ErrPartialResults) {
			t.Errorf("%s: %q, %v", name, ids, err)
		}
	}
}

// TestNoList: an error beside an empty list is not an empty list, and neither is what has
// another shape than the lists of the reference.
func TestNoList(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"an error beside an empty list":   {200, `{"contacts":[],"error":"timeout"}`, "reports an error, and has no records"},
		"errors beside an empty list":     {200, `{"contacts":[],"errors":["timeout"]}`, "reports an error, and has no records"},
		"no success, and an empty list":   {200, `{"success":false,"contacts":[]}`, "reports an error, and has no records"},
		"an empty object":                 {200, `{}`, "has no"},
		"an empty object in the envelope": {200, `{"contacts":{}}`, "is an empty object"},
		"an empty contact":                {200, `{"contact":{}}`, "is an empty object"},
		"null":                            {200, `null`, "is null"},
		"null in the envelope":            {200, `{"contacts":null}`, "is null"},
		"no content":                      {204, ``, "the body is empty"},
		"a null id":                       {200, `{"contacts":[{"id":null,"email":"a@example.com"}]}`, "record 1: the record has no id"},
		"no id":                           {200, `{"contacts":[{"first_name":"Ada"}]}`, "record 1: the record has no id"},
		"no id in a keyed list":           {200, `{"contacts":{"183":{"first_name":"Ada"}}}`, "record 1: the record has no id"},
	} {
		ids, err := listed(t, func() *http.Response { return testkit.Reply(tt.status, tt.body) })
		if ids != "" || !errors.Is(err, growthgenius.ErrDecode) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, %v", name, ids, err)
		}
	}
	for _, body := range []string{`{"contacts":[],"error":"timeout"}`, `{"contacts":[],"success":false,"pagination":{"total_entries":0}}`} {
		c := testkit.Scripted(t, testkit.Text(body))
		if page, err := c.Contacts.Search(t.Context(), growthgenius.SearchOptions{}); page != nil || !errors.Is(err, growthgenius.ErrDecode) {
			t.Errorf("Search of %s: %v, %v", body, page, err)
		}
	}
}

// TestCurrentUserOfAPartialList: a list that has the user does not need the others.
func TestCurrentUserOfAPartialList(t *testing.T) {
	t.Parallel()
	for id, found := range map[growthgenius.ID]bool{"1": true, "2": true, "3": false} {
		s := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return testkit.Reply(200, `{"users":[{"id":1}],"has_more":true}`), nil
			}
			return testkit.Reply(200, `{"user":{"id":2}}`), nil
		}}
		user, err := testkit.Scripted(t, s).ForUser(id).Users.Current(t.Context())
		if (err == nil) != found || found && user.ID != id || !found && !errors.Is(err, growthgenius.ErrNotFound) {
			t.Errorf("%s: %v, %v", id, user, err)
		}
	}
}

// TestPartialListsProveNoAbsence: a create whose record was not made is absent if the list
// is whole, and unknown if the list says that it is not.
func TestPartialListsProveNoAbsence(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		list   growthgeniustest.Fault // of the lists
		absent bool
	}{
		"whole":                    {growthgeniustest.Fault{}, true},
		"a link to the next page":  {growthgeniustest.Fault{Header: http.Header{"Link": {`</contacts?page=2>; rel="next"`}}}, false},
		"from a cache":             {growthgeniustest.Fault{Header: http.Header{"Age": {"1800"}}}, false},
		"stale":                    {growthgeniustest.Fault{Header: http.Header{"Warning": {`110 proxy "Response is Stale"`}}}, false},
		"changed by a proxy":       {growthgeniustest.Fault{Status: 203, Body: `{"contacts":[]}`}, false},
		"a warning":                {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[],"warnings":["shard 3 failed"]}`}, false},
		"a message":                {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[],"message":"query timed out"}`}, false},
		"a singular envelope":      {growthgeniustest.Fault{Status: 200, Body: `{"contact":[]}`}, false},
		"a later page":             {growthgeniustest.Fault{Beside: `"page":2`}, false},
		"the first page":           {growthgeniustest.Fault{Beside: `"page":1,"limit":100,"offset":0`}, true},
		"an offset":                {growthgeniustest.Fault{Beside: `"meta":{"offset":100}`}, false},
		"a cursor":                 {growthgeniustest.Fault{Beside: `"cursor":"abc"`}, false},
		"not the last part":        {growthgeniustest.Fault{Beside: `"last":false`}, false},
		"a code":                   {growthgeniustest.Fault{Beside: `"code":1001`}, false},
		"a code for success":       {growthgeniustest.Fault{Beside: `"code":0,"message":"success"`}, true},
		"errors without a text":    {growthgeniustest.Fault{Beside: `"errors":[{}]`}, false},
		"a total as an object":     {growthgeniustest.Fault{Beside: `"total":{"value":7,"relation":"eq"}`}, false},
		"some remain":              {growthgeniustest.Fault{Beside: `"remaining":3`}, false},
		"X-Pagination":             {growthgeniustest.Fault{Header: http.Header{"X-Pagination": {`{"TotalCount":7}`}}}, false},
		"X-Pagination, nothing":    {growthgeniustest.Fault{Header: http.Header{"X-Pagination": {`{"TotalCount":0,"HasNext":false}`}}}, true},
		"no warning":               {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[],"warning":null,"request_id":"x"}`}, true},
		"a null record":            {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[null]}`}, false},
		"a count":                  {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[],"count":1}`}, false},
		"has_more":                 {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[],"has_more":true}`}, false},
		"an error beside the list": {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[],"error":"shard 3 timed out"}`}, false},
		"status 206":               {growthgeniustest.Fault{Status: 206, Body: `{"contacts":[]}`}, false},
		"an empty object":          {growthgeniustest.Fault{Status: 200, Body: `{"contacts":{}}`}, false},
		"null":                     {growthgeniustest.Fault{Status: 200, Body: `{"contacts":null}`}, false},
		"rows without an id":       {growthgeniustest.Fault{Status: 200, Body: `{"contacts":[{"first_name":"Ada"}]}`}, false},
		"a keyed list":             {growthgeniustest.Fault{Status: 200, Body: `{"0":{"id":7,"email":"ada@example.com"}}`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				tt.list.Method, tt.list.Route = "GET", growthgeniustest.RouteContacts
				srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Times: 1}, tt.list)
				_, err := srv.NewClient().Contacts.Create(t.Context(), testkit.Steve)
				unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err)
				if !ok {
					t.Fatalf("%v", err)
				}
				_, err = srv.NewClient().Contacts.Resolve(t.Context(), unknown.Token)
				if errors.Is(err, growthgenius.ErrNotFound) != tt.absent || !tt.absent && !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestDoubtsAboutAPartOfAList: what is said beside a part of a list that is read only to prove
// that the list is whole counts, too.
func TestDoubtsAboutAPartOfAList(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Times: 1})
		noReadBack := growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true})
		_, err := srv.NewClient(noReadBack).Contacts.Create(t.Context(), testkit.Steve)
		token := testkit.Unknown(t, err).Token
		time.Sleep(time.Minute)
		srv.Inject(growthgeniustest.Fault{Method: "GET", Status: 200, Body: `{"contacts":[],"warning":"shard 3 failed"}`, Skip: 1})
		_, err = srv.NewClient().Contacts.Resolve(t.Context(), token)
		testkit.Unknown(t, err)
	})
}

// capOrders returns in which orders lists are cut short.
func capOrders() []growthgeniustest.CapOrder {
	if testkit.Race {
		return []growthgeniustest.CapOrder{growthgeniustest.CapByNewest}
	}
	return []growthgeniustest.CapOrder{growthgeniustest.CapByCreation, growthgeniustest.CapByOldest, growthgeniustest.CapByNewest, growthgeniustest.CapByNothing}
}

// TestCappedListsAreNoticed: a list that is as long as a usual limit is read again, in parts,
// and is ErrPartialResults if it was cut short. Other lists cost one request.
func TestCappedListsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		most, count int
		cut         bool
		requests    int // at most
	}{
		"cut at 100": {100, 250, true, 3}, "cut at 250": {250, 260, true, 3}, "whole": {0, 250, false, 3}, "an odd number": {0, 251, false, 1}, "a few": {0, 10, false, 1}, "nothing": {100, 0, false, 1},
	} {
		for _, by := range capOrders() {
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				at := time.Now().Add(-10 * time.Hour)
				for i := range tt.count {
					srv.AddContacts(growthgenius.Contact{UpdatedAt: at.Add(time.Duration(i*97%max(1, tt.count)) * time.Minute)})
				}
				var info growthgenius.ResponseInfo
				list, err := srv.NewClient().Contacts.List(t.Context(), testkit.Everything, growthgenius.CaptureResponse(&info))
				if errors.Is(err, growthgenius.ErrPartialResults) != tt.cut || (err != nil) != tt.cut || tt.most == 0 && len(list) != tt.count || len(srv.Requests()) > tt.requests || info.RequestID != "req-000001" {
					t.Errorf("List, %s, order %d: %d contacts by %d requests, %v", name, by, len(list), len(srv.Requests()), err)
				}
				srv.ResetRequests()
				list, err = testkit.Drain(t, srv.NewClient().Contacts.Stream(t.Context(), testkit.Everything))
				if errors.Is(err, growthgenius.ErrPartialResults) != tt.cut || (err != nil) != tt.cut || tt.most == 0 && len(list) != tt.count || len(srv.Requests()) > tt.requests {
					t.Errorf("Stream, %s, order %d: %d contacts by %d requests, %v", name, by, len(list), len(srv.Requests()), err)
				}
			}, growthgeniustest.WithListCap(tt.most, by))
		}
	}
}

// TestListRoom: a list that is kept has no room for many more records, however long its first
// ones are.
func TestListRoom(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	for _, tt := range []struct{ short, long, shortAgain int }{{1, 0, 0}, {2, 0, 0}, {300, 0, 0}, {0, 50, 0}, {50, 50, 0}, {0, 50, 3000}, {1, 60, 0}, {0, 1, 999}} {
		var records []string
		for i, name := range slices.Concat(slices.Repeat([]string{""}, tt.short), slices.Repeat([]string{long}, tt.long), slices.Repeat([]string{""}, tt.shortAgain)) {
			records = append(records, fmt.Sprintf(`{"id":%d,"name":%q}`, i+1, name))
		}
		s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
			return testkit.Reply(200, `{"contacts":[`+strings.Join(records, ",")+"]}"), nil
		}}
		list, err := testkit.Scripted(t, s).Contacts.List(t.Context(), testkit.Everything)
		if err != nil || len(list) != len(records) || string(list[len(list)-1].ID) != strconv.Itoa(len(list)) {
			t.Fatalf("%+v: %d records, %v", tt, len(list), err)
		}
		if cap(list)-len(list) > len(list)/8 {
			t.Errorf("%+v: %d records have room for %d", tt, len(list), cap(list))
		}
	}
}
