namespace Palmyra.Tests.Checkpoints;

/// <summary>What random damage of JSON texts is made of.</summary>
internal static class Damage
{
    /// <summary>Pieces that mean something to a reader: halves of characters, ends of things, numbers of any size.</summary>
    public static readonly string[] Pieces =
    [
        "\\ud800", "\\udfff", "\\ud83d\\ude00", "\\u0000", "\\", "\"", "\"\\ud800\":1,", "{", "}", "[", "]", ",", ":", "null", "true", "1e999", "-1e999",
        "-", "0", "99999999999999999999", "NaN", "Infinity", "-Infinity", "\u0000", "\uFEFF", "\u00E9", "[[[[[[[[", "{\"a\":", "\"log_history\":[{\"eval_loss\":",
    ];
}
