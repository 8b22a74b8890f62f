using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Cards;

/// <summary>What the block between two lines of three dashes at the head of a folder's README.md says: language, license, tags, ...</summary>
/// <remarks>
/// A tolerant reading of a small part of YAML. Taken are keys of the outermost level whose value is one scalar (plain, 'quoted' or
/// "quoted" on one line) or a list of such scalars, in brackets on one line or each on a line behind a dash. Everything else (objects,
/// texts of several lines, anchors, tags of types) is left out without a word, as is a block that does not end within the first 64 KiB.
/// </remarks>
public sealed partial class FrontMatter
{
    /// <summary>The file whose head is read.</summary>
    public const string FileName = "README.md";

    /// <summary>The key for the tokens a model was trained on.</summary>
    public const string TrainingTokensKey = "training_tokens";

    /// <summary>The key for whether everybody can have the weights.</summary>
    public const string IsPublicKey = "public";

    /// <summary>The key for the size of the text a model was trained on.</summary>
    public const string DatasetGigabytesKey = "dataset_gigabytes";

    private const int MostBytes = 1 << 16;
    private const string Fence = "---";

    private readonly Dictionary<string, (IReadOnlyList<string> Values, string Source)> _keys;

    private FrontMatter(Dictionary<string, (IReadOnlyList<string> Values, string Source)> keys) => _keys = keys;

    /// <summary>A block that says nothing.</summary>
    public static FrontMatter Empty { get; } = new([]);

    /// <summary>The keys whose values were understood, in the order of the block.</summary>
    public IEnumerable<string> Keys => _keys.Keys;

    /// <summary>Tokens D the model was trained on, if <c>training_tokens</c> is a number above zero; underscores and commas may part its digits.</summary>
    public double? TrainingTokens => Number(TrainingTokensKey) is double tokens && tokens >= 1 ? tokens : null;

    /// <summary>The size of the text it was trained on in GB of 10⁹ bytes, if <c>dataset_gigabytes</c> is a number above zero, written in the same way.</summary>
    public double? DatasetGigabytes => Number(DatasetGigabytesKey) is double size && size > 0 ? size : null;

    /// <summary>Whether everybody can have its weights, if <c>public</c> is true or false.</summary>
    public bool? IsPublic => bool.TryParse(Text(IsPublicKey), out bool isPublic) ? isPublic : null;

    /// <summary>Reads the head of a folder's README.md.</summary>
    /// <param name="folder">A model's folder.</param>
    /// <returns>What it says; <see cref="Empty"/> where there is no such file or block.</returns>
    /// <exception cref="CheckpointException">The file is there and cannot be read.</exception>
    public static FrontMatter Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return Empty;
        }

        using var file = new MappedFile(path);
        return Parse(Encoding.UTF8.GetString(file.Slice(0, (int)Math.Min(file.Length, MostBytes))));
    }

    /// <summary>Reads the head of a text.</summary>
    /// <param name="text">The text; only its first 65,536 characters are looked at.</param>
    public static FrontMatter Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] lines = text[..Math.Min(text.Length, MostBytes)].TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n');
        int end = Array.FindIndex(lines, 1, line => line.TrimEnd() == Fence);
        if (lines[0].TrimEnd() != Fence || end < 0)
        {
            return Empty;
        }

        var keys = new Dictionary<string, (IReadOnlyList<string> Values, string Source)>(StringComparer.Ordinal);
        for (int i = 1; i < end;)
        {
            string line = lines[i++];
            int first = i;
            while (i < end && (lines[i].Length == 0 || lines[i][0] is ' ' or '\t' or '-' or '#'))
            {
                i++;
            }

            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && IsKey(line[..colon]) && (colon + 1 == line.Length || line[colon + 1] is ' ' or '\t')
                && Values(line[(colon + 1)..], lines[first..i]) is IReadOnlyList<string> found)
            {
                keys[line[..colon]] = (found, string.Join('\n', lines[first..i].Where(IsContent).Prepend(line)));
            }
        }

        return new FrontMatter(keys);
    }

    /// <summary>The one value of a key; null if it is absent or a list of several.</summary>
    public string? Text(string key) => List(key) is [string only] ? only : null;

    /// <summary>The values of a key, one for a scalar; none if it is absent.</summary>
    public IReadOnlyList<string> List(string key) => _keys.TryGetValue(key, out (IReadOnlyList<string> Values, string Source) found) ? found.Values : [];

    /// <summary>The lines in which a key of <see cref="Keys"/> stands with its values, as they are: a number is still none of a text, a list of one a list.</summary>
    internal string Source(string key) => _keys[key].Source;

    private double? Number(string key) =>
        Text(key) is string text
        && double.TryParse(
            Separator().Replace(text.Replace("_", string.Empty, StringComparison.Ordinal), string.Empty),
            NumberStyles.Float,
            CultureInfo.InvariantCulture,
            out double number)
        && double.IsFinite(number)
            ? number
            : null;

    // Only before three digits does a comma part thousands: "1,5" may be one and a half, and is not understood.
    [GeneratedRegex(@"(?<=\d),(?=\d{3}(?!\d))")]
    private static partial Regex Separator();

    private static bool IsContent(string line) => line.AsSpan().Trim() is [not '#', ..];

    private static bool IsKey(string text) => text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');

    /// <param name="inline">What follows the colon.</param>
    /// <param name="block">The lines that belong to the key: deeper ones, and those with a dash.</param>
    private static IReadOnlyList<string>? Values(string inline, string[] block)
    {
        string[] rest = [.. block.Where(IsContent).Select(line => line.Trim())];
        string value = inline.Trim();
        if (value.Length > 0 && value[0] != '#')
        {
            return rest.Length > 0 ? null : value[0] == '[' ? YamlScalar.List(value) : YamlScalar.Read(value) is string text ? [text] : null;
        }

        var items = new List<string>();
        foreach (string line in rest)
        {
            if (line[0] != '-' || (line.Length > 1 && line[1] != ' ') || YamlScalar.Read(line[1..].Trim()) is not string item)
            {
                return null;
            }

            items.Add(item);
        }

        return items.Count > 0 ? items : null;
    }
}
