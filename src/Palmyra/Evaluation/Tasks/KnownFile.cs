namespace Palmyra.Evaluation.Tasks;

/// <summary>A published data file that is recognised by its checksum.</summary>
/// <param name="Sha256">SHA-256 of its bytes, lower-case hexadecimal.</param>
/// <param name="Name">What it is: "LAMBADA test set as OpenAI processed it, 5,153 passages".</param>
public sealed record KnownFile(string Sha256, string Name);
