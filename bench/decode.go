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

// decodeRow holds what a decoder takes for each contact in a response.
type decodeRow struct {
	Answer   string  `json:"answer"` // name of the response
	Decoder  string  `json:"decoder"`
	Contact  spread  `json:"contact"` // seconds per contact
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

// response is a response to decode and the ways to decode it, encoding/json first.
type response struct {
	name     string
	contacts int
	repeats  int
	decoders []decoder
}

type decoder struct {
	name string
	// decode returns the number of contacts and the id of the last one.
	decode func(ctx context.Context) (contacts int, last string, err error)
}

func responses() ([]response, error) {
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
	return []response{
		{"one contact", 1, 2000, contactDecoders(r.append(nil, 1))},
		{"a search page of 100", short, 20, pageDecoders(r.page(1, short, short))},
		{"a list of 10,000", long, 1, lists},
	}, nil
}

// decodeInto returns a function that decodes into a new value each time.
func decodeInto[T any](
	body []byte, unmarshal func([]byte, any) error, found func(*T) (int, string),
) func(context.Context) (int, string, error) {
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

// methods calls UnmarshalJSON directly, as encoding/json does after it has read the body
// once to check it.
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

// listDecoders returns decoders that read the list from a transport in memory, because
// the SDK decodes lists only as they arrive.
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

// inMemory is a transport that returns these bytes for each request.
type inMemory []byte

func (body inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}

func measureDecode(ctx context.Context, s settings) ([]decodeRow, error) {
	all, err := responses()
	if err != nil {
		return nil, err
	}
	var rows []decodeRow
	for _, r := range all {
		taken, err := interleave(ctx, s.Rounds, len(r.decoders), func(i int) (sample, error) {
			return metered(r.repeats*r.contacts, func() error { return r.repeat(ctx, i) })
		})
		if err != nil {
			return nil, err
		}
		for i, d := range r.decoders {
			rows = append(rows, decodeRow{
				Answer: r.name, Decoder: d.name, Contact: taken[i].spread(seconds),
				Allocs: taken[i].spread(allocs).Median, Bytes: taken[i].spread(size).Median,
				OfTime:   taken[i].over(taken[0], seconds),
				OfAllocs: taken[i].over(taken[0], allocs).Median, OfBytes: taken[i].over(taken[0], size).Median,
			})
		}
	}
	return rows, nil
}

// repeat decodes the response with a decoder, and checks what it returns.
func (r response) repeat(ctx context.Context, i int) error {
	d := r.decoders[i]
	for range r.repeats {
		n, last, err := d.decode(ctx)
		if err == nil && (n != r.contacts || last != fmt.Sprint(n)) {
			err = fmt.Errorf("%d contacts, the last is %s", n, last)
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", r.name, d.name, err)
		}
	}
	return nil
}
