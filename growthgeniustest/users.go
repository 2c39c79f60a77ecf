package growthgeniustest

import (
	"bytes"
	"net/http"
)

// getUsers responds with all users (documented) or, with WithSingleUser, with the acting
// user (later).
func (s *Server) getUsers(c *call) response {
	if s.cfg.singleUser {
		var user record
		switch {
		case c.acting != "":
			user = s.user(c.acting)
		case len(s.users) > 0:
			user = s.users[0]
		}
		if user == nil {
			return failure(http.StatusNotFound, "user not found")
		}
		body := user.render(userFields)
		return jsonResponse(http.StatusOK, []byte(`{"user":`), body, []byte(`}`))
	}
	rendered := make([][]byte, len(s.users))
	for i, user := range s.users {
		rendered[i] = user.render(userFields)
	}
	users := bytes.Join(rendered, []byte(","))
	return jsonResponse(http.StatusOK, []byte(`{"users":[`), users, []byte(`]}`))
}

// user returns the user with the id, or nil.
func (s *Server) user(id string) record {
	for _, user := range s.users {
		if user.text("id") == id {
			return user
		}
	}
	return nil
}
