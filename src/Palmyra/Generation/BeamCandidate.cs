namespace Palmyra.Generation;

/// <summary>A continuation that beam search weighs.</summary>
/// <param name="Score">The running sum with the token.</param>
/// <param name="Beam">The beam it continues.</param>
/// <param name="Token">The token.</param>
internal readonly record struct BeamCandidate(double Score, int Beam, int Token);
