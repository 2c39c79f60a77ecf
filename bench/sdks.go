package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/digitalocean/godo"
	"github.com/go-resty/resty/v2"
	"github.com/google/go-github/v92/github"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
	"github.com/hetznercloud/hcloud-go/v2/hcloud/schema"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stripe/stripe-go/v85"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bench/internal/oapi/loose"
	"github.com/growthgenius/growthgenius-go/bench/internal/oapi/plain"
)

const (
	ours        = "growthgenius-go"
	handWritten = "hand-written"
	floor       = "net/http, body discarded"
)

// call makes a GET and returns an error unless it gets the requested record.
type call func(ctx context.Context) error

// client is a way to make that GET: an SDK, a library, or hand-written code.
type client struct {
	name    string
	module  string // whose version is part of the results
	payload string // the response, a file in payloads
	// connect sets the client up. If hc is nil the client uses its default.
	connect func(base string, hc *http.Client) (call, error)
}

const apiKey = "0123456789abcdef"

// clients is in the order of the tables. Hand-written code is the first of each payload.
var clients = []client{
	{name: handWritten, payload: ours, connect: connectByHand},
	{name: ours, payload: ours, connect: connectOurs},
	{name: "resty", module: "github.com/go-resty/resty/v2", payload: ours, connect: connectResty},
	{name: "oapi-codegen", module: "github.com/oapi-codegen/runtime", payload: ours, connect: connectPlain},
	{name: "oapi-codegen, every documented shape", payload: ours, connect: connectLoose},
	{name: floor, payload: ours, connect: connectFloor},

	{name: handWritten, payload: "go-github", connect: byHandOn("/repos/northwind/ledger", func(v *github.Repository) bool { return v.GetID() == repositoryID })},
	{name: "go-github", module: "github.com/google/go-github/v92", payload: "go-github", connect: connectGitHub},
	{name: handWritten, payload: "godo", connect: byHandOn(fmt.Sprint("/v2/droplets/", dropletID), func(v *dropletRoot) bool { return v.Droplet.ID == dropletID })},
	{name: "godo", module: "github.com/digitalocean/godo", payload: "godo", connect: connectGodo},
	{name: handWritten, payload: "gitlab", connect: byHandOn(fmt.Sprint("/api/v4/projects/", projectID), func(v *gitlab.Project) bool { return v.ID == projectID })},
	{name: "gitlab client-go", module: "gitlab.com/gitlab-org/api/client-go/v2", payload: "gitlab", connect: connectGitLab},
	{name: handWritten, payload: "stripe-go", connect: byHandOn("/v1/customers/"+customerID, func(v *stripe.Customer) bool { return v.ID == customerID })},
	{name: "stripe-go", module: "github.com/stripe/stripe-go/v85", payload: "stripe-go", connect: connectStripe},
	{name: handWritten, payload: "openai-go", connect: byHandOn("/chat/completions/"+completionID, func(v *openai.ChatCompletion) bool { return v.ID == completionID })},
	{name: "openai-go", module: "github.com/openai/openai-go/v3", payload: "openai-go", connect: connectOpenAI},
	{name: handWritten, payload: "hcloud-go", connect: byHandOn(fmt.Sprint("/servers/", serverID), func(v *schema.ServerGetResponse) bool { return v.Server.ID == serverID })},
	{name: "hcloud-go", module: "github.com/hetznercloud/hcloud-go/v2", payload: "hcloud-go", connect: connectHCloud},
}

// byHand is what people write by hand: a request, headers, the status, encoding/json.
func byHand[T any](ctx context.Context, hc *http.Client, url string, right func(*T) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", apiKey)
	req.Header.Set("Accept", "application/json")
	res, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("unexpected status %s", res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	v := new(T)
	if err := json.Unmarshal(body, v); err != nil {
		return err
	}
	return check(right(v))
}

// byHandOn returns a client by hand that always gets the same record.
func byHandOn[T any](path string, right func(*T) bool) func(base string, hc *http.Client) (call, error) {
	return func(base string, hc *http.Client) (call, error) {
		hc = orDefault(hc)
		return func(ctx context.Context) error { return byHand(ctx, hc, base+path, right) }, nil
	}
}

func connectByHand(base string, hc *http.Client) (call, error) {
	hc = orDefault(hc)
	next := inTurn()
	return func(ctx context.Context) error {
		id := next()
		return byHand(ctx, hc, base+"/contacts/"+strconv.Itoa(id)+"?user_id=1", func(v *plainEnvelope) bool { return v.Contact.ID == int64(id) })
	}, nil
}

// inTurn returns a function that returns the ids of all people in turn.
func inTurn() func() int {
	var n atomic.Uint32
	return func() int { return firstID + int(n.Add(1)%people) }
}

// connectFloor does only what every client has to do.
func connectFloor(base string, hc *http.Client) (call, error) {
	hc = orDefault(hc)
	next := inTurn()
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/contacts/"+strconv.Itoa(next())+"?user_id=1", http.NoBody)
		if err != nil {
			return err
		}
		res, err := hc.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}, nil
}

func connectOurs(base string, hc *http.Client) (call, error) {
	options := []growthgenius.Option{growthgenius.WithBaseURL(base), growthgenius.WithUserID("1")}
	if hc != nil {
		options = append(options, growthgenius.WithHTTPClient(hc))
	}
	c, err := growthgenius.NewClient(apiKey, options...)
	if err != nil {
		return nil, err
	}
	next := inTurn()
	return func(ctx context.Context) error {
		id := growthgenius.IntID(int64(next()))
		contact, err := c.Contacts.Get(ctx, id)
		if err != nil {
			return err
		}
		return check(contact.ID == id)
	}, nil
}

func connectResty(base string, hc *http.Client) (call, error) {
	c := resty.New()
	if hc != nil {
		c = resty.NewWithClient(hc)
	}
	c.SetBaseURL(base).SetHeader("Authorization", apiKey)
	next := inTurn()
	return func(ctx context.Context) error {
		id := next()
		var v plainEnvelope
		res, err := c.R().SetContext(ctx).SetPathParam("id", strconv.Itoa(id)).SetQueryParam("user_id", "1").SetResult(&v).Get("/contacts/{id}")
		if err != nil {
			return err
		}
		if res.IsError() {
			return fmt.Errorf("unexpected status %s", res.Status())
		}
		return check(v.Contact.ID == int64(id))
	}, nil
}

func connectPlain(base string, hc *http.Client) (call, error) {
	c, err := plain.NewClientWithResponses(base, plain.WithHTTPClient(orDefault(hc)), plain.WithRequestEditorFn(authorize))
	if err != nil {
		return nil, err
	}
	next := inTurn()
	return func(ctx context.Context) error {
		id := int64(next())
		res, err := c.GetContactWithResponse(ctx, id, &plain.GetContactParams{UserId: 1})
		if err != nil {
			return err
		}
		return check(res.JSON200 != nil && res.JSON200.Contact.Id == id)
	}, nil
}

func connectLoose(base string, hc *http.Client) (call, error) {
	c, err := loose.NewClientWithResponses(base, loose.WithHTTPClient(orDefault(hc)), loose.WithRequestEditorFn(authorize))
	if err != nil {
		return nil, err
	}
	var user loose.ID
	if err := user.FromID0(1); err != nil {
		return nil, err
	}
	next := inTurn()
	return func(ctx context.Context) error {
		want := int64(next())
		var id loose.ID
		if err := id.FromID0(want); err != nil {
			return err
		}
		res, err := c.GetContactWithResponse(ctx, id, &loose.GetContactParams{UserId: user})
		if err != nil {
			return err
		}
		if res.JSON200 == nil {
			return fmt.Errorf("unexpected status %s", res.Status())
		}
		v, err := res.JSON200.AsContactEnvelope0()
		if err != nil {
			return err
		}
		got, err := v.Contact.Id.AsID0()
		if err != nil {
			return err
		}
		return check(got == want)
	}, nil
}

func authorize(_ context.Context, req *http.Request) error {
	req.Header.Set("Authorization", apiKey)
	return nil
}

const (
	repositoryID = 480112765
	dropletID    = 381204417
	projectID    = 51220418
	serverID     = 42190381
	customerID   = "cus_QX3v9TtLr4kZ2a"
	completionID = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"
)

func connectGitHub(base string, hc *http.Client) (call, error) {
	base += "/"
	options := []github.ClientOptionsFunc{github.WithAuthToken(apiKey), github.WithURLs(&base, nil)}
	if hc != nil {
		options = append(options, github.WithHTTPClient(hc))
	}
	c, err := github.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		v, _, err := c.Repositories.Get(ctx, "northwind", "ledger")
		if err != nil {
			return err
		}
		return check(v.GetID() == repositoryID)
	}, nil
}

type dropletRoot struct {
	Droplet *godo.Droplet `json:"droplet"`
}

func connectGodo(base string, hc *http.Client) (call, error) {
	c, err := godo.New(hc, godo.SetBaseURL(base+"/"), godo.SetRequestHeaders(map[string]string{"Authorization": apiKey}))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		v, _, err := c.Droplets.Get(ctx, dropletID)
		if err != nil {
			return err
		}
		return check(v.ID == dropletID)
	}, nil
}

func connectGitLab(base string, hc *http.Client) (call, error) {
	options := []gitlab.ClientOptionFunc{gitlab.WithBaseURL(base)}
	if hc != nil {
		options = append(options, gitlab.WithHTTPClient(hc))
	}
	c, err := gitlab.NewClient(apiKey, options...)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		v, _, err := c.Projects.GetProject(projectID, nil, gitlab.WithContext(ctx))
		if err != nil {
			return err
		}
		return check(v.ID == projectID)
	}, nil
}

func connectStripe(base string, hc *http.Client) (call, error) {
	// It does not accept a prefix before /v1, so the server has its paths without one,
	// too.
	base = strings.TrimSuffix(base, "/stripe-go")
	backends := stripe.NewBackendsWithConfig(&stripe.BackendConfig{URL: stripe.String(base), HTTPClient: hc})
	c := stripe.NewClient(apiKey, stripe.WithBackends(backends))
	return func(ctx context.Context) error {
		v, err := c.V1Customers.Retrieve(ctx, customerID, nil)
		if err != nil {
			return err
		}
		return check(v.ID == customerID)
	}, nil
}

func connectOpenAI(base string, hc *http.Client) (call, error) {
	options := []option.RequestOption{option.WithBaseURL(base), option.WithAPIKey(apiKey)}
	if hc != nil {
		options = append(options, option.WithHTTPClient(hc))
	}
	c := openai.NewClient(options...)
	return func(ctx context.Context) error {
		v, err := c.Chat.Completions.Get(ctx, completionID)
		if err != nil {
			return err
		}
		return check(v.ID == completionID)
	}, nil
}

func connectHCloud(base string, hc *http.Client) (call, error) {
	options := []hcloud.ClientOption{hcloud.WithEndpoint(base), hcloud.WithToken(apiKey)}
	if hc != nil {
		options = append(options, hcloud.WithHTTPClient(hc))
	}
	c := hcloud.NewClient(options...)
	return func(ctx context.Context) error {
		v, _, err := c.Server.GetByID(ctx, serverID)
		if err != nil {
			return err
		}
		return check(v != nil && v.ID == serverID)
	}, nil
}

func orDefault(hc *http.Client) *http.Client {
	if hc == nil {
		return &http.Client{}
	}
	return hc
}

func check(right bool) error {
	if !right {
		return errors.New("the response is not the requested record")
	}
	return nil
}
