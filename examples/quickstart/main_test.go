package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// quickstart runs the program with env in place of the GROWTHGENIUS_ variables.
func quickstart(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut strings.Builder
	cmd := program.Command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func environment(srv *growthgeniustest.Server) []string {
	return []string{"GROWTHGENIUS_API_KEY=" + srv.APIKey(), "GROWTHGENIUS_BASE_URL=" + srv.URL()}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := quickstart(t, nil)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	want := `GROWTHGENIUS_API_KEY is not set: this is a server in memory.

✓ users      Okay Senior (id 1), Sam Junior (id 2)
✓ acting as  Okay Senior <dev@growthgenius.com>
✓ created    1102755: Quinn Starter, Trainee, phones [+1 555 0100]
             The response was lost; the SDK found the contact in the list.
✓ updated    1102755: Quinn Starter, Chief Executive, phones []
✓ searched   "quinn": 1 found
             Quinn Starter <quinn@example.com>
✓ listed     contacts updated in the last 24 hours: 1
✓ logged     393642: "Hi Quinn, shall we talk on Tuesday?"
✓ company    Tesla, automotive, 10001+ people
✓ person     elon musk, ceo at tesla
✓ deleted    message 393642
✓ deleted    contact 1102755

N requests in N s, 1 response lost, 0 duplicates
`
	if got := varying.ReplaceAllString(stdout, "N requests in N s"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// varying matches what depends on how long the contact is looked for.
var varying = regexp.MustCompile(`\b\d+ requests in \d+\.\d s`)

func TestReadsOnlyWithoutWrite(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	stdout, stderr, code := quickstart(t, environment(srv))
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if !strings.Contains(stdout, "Without -write nothing is created") {
		t.Errorf("the output does not mention -write:\n%s", stdout)
	}
	if n := len(srv.Ledger()); n != 0 {
		t.Errorf("%d records were created", n)
	}
	for _, request := range srv.Requests() {
		if request.Method != "GET" && request.Route != growthgeniustest.RouteSearch ||
			request.Route == growthgeniustest.RouteCompany || request.Route == growthgeniustest.RoutePerson {
			t.Errorf("%s %s was sent", request.Method, request.Route)
		}
	}
}

func TestWriteCleansUp(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]growthgeniustest.Fault{
		"no fault":         nil,
		"update refused":   {{Method: "PATCH", Status: 422}},
		"search forbidden": {{Route: growthgeniustest.RouteSearch, Status: 403}},
		"nothing found":    {{Route: growthgeniustest.RouteCompany, Status: 404}, {Route: growthgeniustest.RoutePerson, Status: 202}},
		"lookup forbidden": {{Route: growthgeniustest.RouteCompany, Status: 403}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := growthgeniustest.NewServer(t)
			srv.Inject(faults...)
			stdout, stderr, code := quickstart(t, environment(srv), "-write")
			if fails := faults != nil && name != "nothing found"; (code != 0) != fails || (stderr != "") != fails {
				t.Errorf("exit %d: %s\n%s", code, stderr, stdout)
			}
			if len(srv.Ledger()) == 0 {
				t.Error("nothing was created")
			}
			if n := len(srv.Contacts()) + len(srv.Messages()); n != 0 {
				t.Errorf("%d records were not deleted", n)
			}
		})
	}
}

func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(
		growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Status: 400, Times: 1},
		growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Commit: true, Times: 1},
		growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContacts, Status: 403},
	)
	for _, want := range []string{"400 Bad Request", "check whether quinn@example.com exists"} {
		_, stderr, code := quickstart(t, environment(srv), "-write")
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit %d: %s, want %q", code, stderr, want)
		}
	}
	if n := len(srv.Ledger()); n != 1 {
		t.Errorf("%d contacts were created, want 1", n)
	}
}

func TestErrorsAreShown(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"wrong key":  {[]string{"GROWTHGENIUS_API_KEY=wrong-key", "GROWTHGENIUS_BASE_URL=" + srv.URL()}, "401 Unauthorized"},
		"plain http": {[]string{"GROWTHGENIUS_API_KEY=wrong-key", "GROWTHGENIUS_BASE_URL=http://example.com"}, "plain http"},
		"wrong user": {append(environment(srv), "GROWTHGENIUS_USER_ID=99"), "GET /users/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := quickstart(t, test.env)
			if code != 1 || !strings.HasPrefix(stderr, "quickstart: ") || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d, want 1 and %q: %s", code, test.want, stderr)
			}
			if strings.Contains(stdout+stderr, "wrong-key") {
				t.Errorf("the output contains the API key:\n%s%s", stdout, stderr)
			}
		})
	}
}
