namespace Palmyra.Evaluation.Tasks;

/// <summary>A file and its checksum.</summary>
/// <param name="Name">Its name, without the folder.</param>
/// <param name="Sha256">SHA-256 of its bytes, lower-case hexadecimal.</param>
public sealed record FileSum(string Name, string Sha256);
