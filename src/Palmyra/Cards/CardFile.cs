namespace Palmyra.Cards;

/// <summary>A file of a model's folder.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length.</param>
public sealed record CardFile(string Name, long Bytes);
