package growthgeniustest

import (
	"bytes"
	"net/http"
)

// getUsers answers every user (documented), or under WithSingleUser the acting one (later).
func (s *Server) getUsers(c *call) answer {
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
		return jsonAnswer(http.StatusOK, []byte(`{"user":`), user.render(userFields), []byte(`}`))
	}
	rendered := make([][]byte, len(s.users))
	for i, user := range s.users {
		rendered[i] = user.render(userFields)
	}
	return jsonAnswer(http.StatusOK, []byte(`{"users":[`), bytes.Join(rendered, []byte(",")), []byte(`]}`))
}

// user finds a user by id, nil for none.
func (s *Server) user(id string) record {
	for _, user := range s.users {
		if user.text("id") == id {
			return user
		}
	}
	return nil
}
