package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/growthgenius/growthgenius-go"
)

// decodeRow is what one decoder takes for a contact of an answer of so many.
type decodeRow struct {
	Answer   string  `json:"answer"`
	Decoder  string  `json:"decoder"`
	Contact  spread  `json:"contact"` // seconds a contact
	Allocs   float64 `json:"allocs"`
	Bytes    float64 `json:"bytes"`
	OfTime   spread  `json:"of_time"`
	OfAllocs float64 `json:"of_allocs"`
	OfBytes  float64 `json:"of_bytes"`
}

const (
	encodingJSON = "encoding/json"
	directJSON   = "go-json-experiment, plain struct"
)

// answer is something to decode, and the ways to do it, encoding/json first.
type answer struct {
	name     string
	contacts int
	repeats  int
	decoders []decoder
}

type decoder struct {
	name string
	// decode returns how many contacts it found, and an id that must be right.
	decode func(ctx context.Context) (contacts int, last string, err error)
}

func answers() ([]answer, error) {
	r, err := newRecord()
	if err != nil {
		return nil, err
	}
	var list bytes.Buffer
	const long, short = 10_000, 100
	if err := r.list(&list, long); err != nil {
		return nil, err
	}
	lists, err := listDecoders(list.Bytes())
	if err != nil {
		return nil, err
	}
	return []answer{
		{"one contact", 1, 2000, contactDecoders(r.append(nil, 1))},
		{"a search page of 100", short, 20, pageDecoders(r.page(1, short, short))},
		{"a list of 10,000", long, 1, lists},
	}, nil
}

// decodeInto decodes into a new value each time.
func decodeInto[T any](body []byte, unmarshal func([]byte, any) error, found func(*T) (int, string)) func(context.Context) (int, string, error) {
	return func(context.Context) (int, string, error) {
		v := new(T)
		if err := unmarshal(body, v); err != nil {
			return 0, "", err
		}
		n, last := found(v)
		return n, last, nil
	}
}

func direct(body []byte, v any) error { return jsonv2.Unmarshal(body, v) }

// methods decodes as encoding/json would once it has found UnmarshalJSON, without reading
// everything twice for that.
func methods(body []byte, v any) error { return v.(json.Unmarshaler).UnmarshalJSON(body) }

func contactDecoders(body []byte) []decoder {
	plain := func(c *plainContact) (int, string) { return 1, fmt.Sprint(c.ID) }
	return []decoder{
		{encodingJSON, decodeInto(body, json.Unmarshal, plain)},
		{directJSON, decodeInto(body, direct, plain)},
		{ours, decodeInto(body, methods, func(c *growthgenius.Contact) (int, string) { return 1, string(c.ID) })},
	}
}

func pageDecoders(body []byte) []decoder {
	plain := func(p *plainPage) (int, string) {
		return len(p.Contacts), fmt.Sprint(p.Contacts[len(p.Contacts)-1].Contact.ID)
	}
	return []decoder{
		{encodingJSON, decodeInto(body, json.Unmarshal, plain)},
		{directJSON, decodeInto(body, direct, plain)},
		{ours, decodeInto(body, methods, func(p *growthgenius.ContactPage) (int, string) {
			return len(p.Contacts), string(p.Contacts[len(p.Contacts)-1].ID)
		})},
	}
}

// listDecoders read the list from a transport in memory: the SDK decodes lists only as
// they arrive.
func listDecoders(body []byte) ([]decoder, error) {
	hc := &http.Client{Transport: inMemory(body)}
	client, err := growthgenius.NewClient(apiKey, growthgenius.WithHTTPClient(hc), growthgenius.WithUserID("1"))
	if err != nil {
		return nil, err
	}
	byHand := func(unmarshal func([]byte, any) error) func(context.Context) (int, string, error) {
		return func(ctx context.Context) (int, string, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, growthgenius.DefaultBaseURL, http.NoBody)
			if err != nil {
				return 0, "", err
			}
			res, err := hc.Do(req)
			if err != nil {
				return 0, "", err
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				return 0, "", err
			}
			var list plainList
			if err := unmarshal(text, &list); err != nil {
				return 0, "", err
			}
			return len(list.Contacts), fmt.Sprint(list.Contacts[len(list.Contacts)-1].ID), nil
		}
	}
	return []decoder{
		{encodingJSON, byHand(json.Unmarshal)},
		{directJSON, byHand(direct)},
		{ours, func(ctx context.Context) (int, string, error) {
			list, err := client.Contacts.List(ctx, growthgenius.ListOptions{})
			if err != nil {
				return 0, "", err
			}
			return len(list), string(list[len(list)-1].ID), nil
		}},
	}, nil
}

// inMemory is a transport that answers every request with these bytes.
type inMemory []byte

func (body inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}

func measureDecode(ctx context.Context, s settings) ([]decodeRow, error) {
	all, err := answers()
	if err != nil {
		return nil, err
	}
	var rows []decodeRow
	for _, a := range all {
		taken, err := interleave(ctx, s.Rounds, len(a.decoders), func(i int) (sample, error) {
			return metered(a.repeats*a.contacts, func() error { return a.repeat(ctx, i) })
		})
		if err != nil {
			return nil, err
		}
		for i, d := range a.decoders {
			rows = append(rows, decodeRow{
				Answer: a.name, Decoder: d.name, Contact: taken[i].spread(seconds),
				Allocs: taken[i].spread(allocs).Median, Bytes: taken[i].spread(size).Median,
				OfTime:   taken[i].over(taken[0], seconds),
				OfAllocs: taken[i].over(taken[0], allocs).Median, OfBytes: taken[i].over(taken[0], size).Median,
			})
		}
	}
	return rows, nil
}

func (a answer) repeat(ctx context.Context, i int) error {
	d := a.decoders[i]
	for range a.repeats {
		n, last, err := d.decode(ctx)
		if err == nil && (n != a.contacts || last != fmt.Sprint(n)) {
			err = fmt.Errorf("%d contacts, the last is %s", n, last)
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", a.name, d.name, err)
		}
	}
	return nil
}
