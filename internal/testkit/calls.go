package testkit

import (
	"context"
	"slices"

	"github.com/growthgenius/growthgenius-go"
)

// Call is a method of a service, for tests that hold for all of them.
type Call struct {
	Name, Method, Path, Route string
	Creates                   bool
	Do                        func(context.Context, *growthgenius.Client, ...growthgenius.RequestOption) (any, error)
}

// Calls are all calls whose response is decoded.
var Calls = []Call{
	{"Users.List", "GET", "/users", "/users", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Users.List(ctx, o...)
	}},
	{"Contacts.Create", "POST", "/contacts", "/contacts", true, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Contacts.Create(ctx, growthgenius.ContactInput{Email: growthgenius.Set("sjobs@apple.com")}, o...)
	}},
	{"Contacts.Get", "GET", "/contacts/1102755", "/contacts/{id}", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Contacts.Get(ctx, "1102755", o...)
	}},
	{"Contacts.Update", "PATCH", "/contacts/1102755", "/contacts/{id}", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Contacts.Update(ctx, "1102755", growthgenius.ContactInput{Title: growthgenius.Set("CEO")}, o...)
	}},
	{"Contacts.List", "GET", "/contacts", "/contacts", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Contacts.List(ctx, growthgenius.ListOptions{}, o...)
	}},
	{"Contacts.Search", "POST", "/contacts/search", "/contacts/search", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "Elon"}, o...)
	}},
	{"Messages.Create", "POST", "/messages", "/messages", true, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Messages.Create(ctx, growthgenius.MessageInput{ContactID: growthgenius.Set(growthgenius.ID("155715"))}, o...)
	}},
	{"Messages.Get", "GET", "/messages/393642", "/messages/{id}", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Messages.Get(ctx, "393642", o...)
	}},
	{"Messages.Update", "PATCH", "/messages/393642", "/messages/{id}", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Messages.Update(ctx, "393642", growthgenius.MessageInput{MessageType: growthgenius.Set("call")}, o...)
	}},
	{"Messages.List", "GET", "/messages", "/messages", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Messages.List(ctx, growthgenius.ListOptions{}, o...)
	}},
	{"Enrichment.Company", "GET", "/companies/find", "/companies/find", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Enrichment.Company(ctx, "tesla.com", o...)
	}},
	{"Enrichment.Person", "GET", "/people/find", "/people/find", false, func(ctx context.Context, c *growthgenius.Client, o ...growthgenius.RequestOption) (any, error) {
		return c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "elon@tesla.com"}, o...)
	}},
}

// Reads returns the Calls that create nothing.
func Reads() []Call {
	return slices.DeleteFunc(slices.Clone(Calls), func(c Call) bool { return c.Creates })
}
