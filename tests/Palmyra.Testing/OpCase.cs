using Palmyra.Backends;

namespace Palmyra.Testing;

/// <summary>One line of the table: an operation on stated shapes, and how far from the reference it may be.</summary>
/// <param name="Name">What it is, for the test's name; unique.</param>
/// <param name="Bound">The largest normalised squared error allowed; 0 asks for equality.</param>
/// <param name="Run">Does it on a backend and returns all its outputs.</param>
public sealed record OpCase(string Name, double Bound, Func<IBackend, float[]> Run);
