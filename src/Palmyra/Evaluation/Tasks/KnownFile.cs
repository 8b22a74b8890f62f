namespace Palmyra.Evaluation.Tasks;

/// <summary>A published data file, or one made from it, that is recognised by its checksum.</summary>
/// <param name="Sha256">SHA-256 of its bytes, lower-case hexadecimal.</param>
/// <param name="Name">What it is: "LAMBADA test set as OpenAI processed it, 5,153 passages".</param>
/// <param name="IsDerived">Whether somebody made it from the published file; numbers of it may differ from those of the published one.</param>
public sealed record KnownFile(string Sha256, string Name, bool IsDerived = false);
