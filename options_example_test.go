package growthgenius_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func ExampleWithLogger() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.Inject(growthgeniustest.Fault{Status: http.StatusServiceUnavailable, Times: 1})

	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // leave out what varies, for this example
			if a.Key == slog.TimeKey || a.Key == "wait" || a.Key == "request_id" {
				return slog.Attr{}
			}
			return a
		},
	}))
	if _, err := srv.Client(growthgenius.WithLogger(logger)).Users.List(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=WARN msg="growthgenius: trying again" method=GET route=/users attempt=1 status=503
}

// The counters can be those of package expvar, or of Prometheus: each combination of a kind and a
// result is one.
func ExampleWithObserver() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.Inject(growthgeniustest.Fault{Status: http.StatusServiceUnavailable, Times: 1})

	counters := new(expvar.Map)
	client := srv.Client(growthgenius.WithObserver(growthgenius.Observer{
		Call: func(ctx context.Context, c growthgenius.CallStart) (context.Context, func(growthgenius.CallEnd)) {
			return ctx, func(e growthgenius.CallEnd) {
				counters.Add("call "+c.Method+" "+c.Route+" "+e.ErrorType, 1)
			}
		},
		Attempt: func(ctx context.Context, a growthgenius.AttemptStart) (context.Context, func(growthgenius.AttemptEnd)) {
			return ctx, func(e growthgenius.AttemptEnd) { counters.Add(fmt.Sprintf("attempt %d", e.Status), 1) }
		},
		Event: func(_ context.Context, e growthgenius.Event) {
			counters.Add(string(e.Kind)+" "+e.Result+" ms", e.Duration.Milliseconds())
			counters.Add(string(e.Kind)+" "+e.Result, 1)
		},
	}))
	if _, err := client.Users.List(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("calls:", counters.Get("call GET /users "))
	fmt.Println("attempts:", counters.Get("attempt 503"), "failed,", counters.Get("attempt 200"), "succeeded")
	// Output:
	// calls: 1
	// attempts: 1 failed, 1 succeeded
}

// counting counts the requests of each route.
type counting struct {
	next   http.RoundTripper
	routes map[string]int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if route, ok := growthgenius.RouteFromContext(r.Context()); ok {
		c.routes[route]++
	}
	return c.next.RoundTrip(r)
}

func ExampleWithHTTPClient() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.AddContacts(growthgenius.Contact{ID: "7"})

	transport := growthgenius.DefaultTransport() // net/http's own keeps too few connections for a busy program
	transport.ResponseHeaderTimeout = 10 * time.Second
	requests := &counting{transport, map[string]int{}}

	client := srv.Client(growthgenius.WithHTTPClient(&http.Client{Transport: requests}))
	if _, err := client.Contacts.Get(context.Background(), "7"); err != nil {
		log.Fatal(err)
	}
	transport.CloseIdleConnections()
	fmt.Println(requests.routes)
	// Output:
	// map[/contacts/{id}:1]
}

func ExampleWithLimiter() {
	// All clients of a program share one budget of 50 requests a second.
	limiter := rate.NewLimiter(50, 10)
	for _, key := range []string{"key-of-one-account", "key-of-another"} {
		client, err := growthgenius.NewClient(key, growthgenius.WithUserID("1"), growthgenius.WithLimiter(limiter))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(client)
	}
	// Output:
	// growthgenius.Client(https://api.growthgenius.com/integrations/v1, user "1")
	// growthgenius.Client(https://api.growthgenius.com/integrations/v1, user "1")
}

func ExampleWithMarkerField() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client(growthgenius.WithMarkerField("custom9"))

	contact, err := client.Contacts.Create(context.Background(), growthgenius.ContactInput{
		Email: growthgenius.Set("tony@example.com"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(contact.Email, contact.Custom9[:3], len(contact.Custom9))
	// Output:
	// tony@example.com gg- 29
}
