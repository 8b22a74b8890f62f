using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Tokenization;

namespace Palmyra.Evaluation.Replay;

/// <summary>Replays recorded tokenizer cases: ids of texts, texts of ids, and texts of ids cut inside a character.</summary>
/// <remarks>All must be equal, character for character.</remarks>
public static class TokenizerVerification
{
    private const string Format = "palmyra-tokenizer/1";

    /// <summary>Replays every case of a file.</summary>
    /// <param name="tokenizer">The tokenizer whose cases they are.</param>
    /// <param name="casesFile">A JSON file with <c>cases</c> (text, ids, decoded) and <c>decode_prefixes</c> (ids, decoded).</param>
    /// <exception cref="CheckpointException">The file is absent or damaged.</exception>
    /// <exception cref="TokenizationException">The vocabulary cannot express a case's text.</exception>
    public static VerificationReport Run(GptTokenizer tokenizer, string casesFile)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(casesFile);
        using JsonDocument document = Parse(casesFile);
        var root = new RecordedValue(casesFile, string.Empty, document.RootElement);
        if (root.Required("format").Text() != Format)
        {
            throw root.Required("format").Wrong(Format);
        }

        var encoded = new Difference("ids of texts", 0);
        var decoded = new Difference("texts of ids", 0);
        foreach (RecordedValue item in root.Required("cases").Items())
        {
            int[] ids = Ids(item);
            encoded.Equal(tokenizer.Encode(item.Required("text").Text()), ids, item.Place);
            decoded.Equal(tokenizer.Decode(ids), item.Required("decoded").Text(), item.Place);
        }

        var cut = new Difference("texts of ids cut inside a character", 0);
        foreach (RecordedValue item in root.Optional("decode_prefixes")?.Items() ?? [])
        {
            cut.Equal(tokenizer.Decode(Ids(item)), item.Required("decoded").Text(), item.Place);
        }

        Difference[] sections = [encoded, decoded, cut];
        return new VerificationReport(
            casesFile, root.Required("reference").Text(), 0, [.. sections.Where(part => !part.IsEmpty).Select(part => part.ToSection())]);
    }

    private static int[] Ids(RecordedValue item)
    {
        RecordedValue value = item.Required("ids");
        int[] ids = value.Integers();
        return ids.Any(id => id < 0) ? throw value.Wrong("ids of zero or more") : ids;
    }

    private static JsonDocument Parse(string path)
    {
        try
        {
            return UnicodeJson.Parse(SmallFile.Read(path, RecordedOutputs.MaxBytes));
        }
        catch (JsonException failure)
        {
            throw new CheckpointException($"{path}: expected a JSON object; it does not parse: {failure.Message}", failure);
        }
    }
}
