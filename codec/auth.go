package codec

// Auth proves to a node with a secret that the client may use it: with the secret itself, or with the password made of it. A
// ValueResponse answers it: StatusOK, or StatusDenied with a sentence.
type Auth struct {
	Password []byte // at most MaxPassword bytes
}

// AppendAuth appends the frame of m.
func AppendAuth(dst []byte, tag uint32, m Auth) []byte {
	return appendKeyFrame(dst, KindAuth, tag, m.Password)
}

// DecodeAuth reads the body of an Auth; Password aliases it.
func DecodeAuth(body []byte) (Auth, error) {
	if len(body) > MaxPassword {
		return Auth{}, ErrTooLong
	}
	return Auth{Password: body}, nil
}
