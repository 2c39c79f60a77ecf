package wire_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// contactSample is the contact of the sample as it is sent, without blanks, and a list of 100
// such contacts.
func contactSample(b *testing.B) (contact, list []byte) {
	b.Helper()
	data, err := os.ReadFile("../../testdata/contact.json")
	if err != nil {
		b.Fatal(err)
	}
	var doc struct{ Contact json.RawMessage }
	if err := json.Unmarshal(data, &doc); err != nil {
		b.Fatal(err)
	}
	var sent bytes.Buffer
	if err := json.Compact(&sent, doc.Contact); err != nil {
		b.Fatal(err)
	}
	contact = sent.Bytes()
	contacts := bytes.TrimSuffix(bytes.Repeat(append(contact[:len(contact):len(contact)], ','), 100), []byte(","))
	return contact, append(append([]byte(`{"contacts":[`), contacts...), "]}"...)
}

func BenchmarkUnmarshalContact(b *testing.B) {
	contact, _ := contactSample(b)
	b.SetBytes(int64(len(contact)))
	b.ReportAllocs()
	for b.Loop() {
		var c Contact
		if err := c.UnmarshalJSON(contact); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingJSON is what the others are compared with.
func BenchmarkEncodingJSON(b *testing.B) {
	contact, _ := contactSample(b)
	type plain Contact
	b.SetBytes(int64(len(contact)))
	b.ReportAllocs()
	for b.Loop() {
		var c plain
		if err := json.Unmarshal(contact, &c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalContact(b *testing.B) {
	contact, _ := contactSample(b)
	var c Contact
	if err := c.UnmarshalJSON(contact); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListOfContacts(b *testing.B) {
	_, list := contactSample(b)
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	for b.Loop() {
		var contacts []Contact
		next := func() any {
			contacts = append(contacts, Contact{})
			return &contacts[len(contacts)-1]
		}
		r := wire.NewReader(list, wire.Envelope{Singular: "contact", Plural: "contacts"}, func(string, wire.Kind) {})
		for {
			ok, err := r.Next(next)
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
		}
		r.Done()
		if len(contacts) != 100 {
			b.Fatal(len(contacts))
		}
	}
}

func BenchmarkListOfRows(b *testing.B) {
	_, list := contactSample(b)
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	for b.Loop() {
		var row Row
		r := wire.NewReader(list, wire.Envelope{Singular: "contact", Plural: "contacts"}, func(string, wire.Kind) {})
		for {
			ok, err := r.Next(func() any { row = nil; return &row })
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
		}
		r.Done()
	}
}
