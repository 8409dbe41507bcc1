package cuda

// Unavailable is the error on a machine without a usable GPU. Reason says in one sentence why: no driver, a driver
// without a GPU, a GPU that is too old, or a program built without GPU support.
type Unavailable struct{ Reason string }

func (u *Unavailable) Error() string { return "cuda: " + u.Reason }
