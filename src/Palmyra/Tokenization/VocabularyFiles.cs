using System.Text;
using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Reads vocab.json (OpenAI: encoder.json) and merges.txt (OpenAI: vocab.bpe).</summary>
internal static class VocabularyFiles
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static Vocabulary ReadVocabulary(string path) => JsonFile.Read(path, root => ReadVocabulary(path, root));

    /// <summary>Reads an object of token spelling to id.</summary>
    public static Vocabulary ReadVocabulary(string path, JsonElement entries)
    {
        var vocabulary = new Vocabulary(Math.Min(entries.GetPropertyCount(), Vocabulary.IdLimit));
        foreach (var entry in entries.EnumerateObject())
        {
            vocabulary.Add(entry.Name, JsonFile.Id(path, $"the id of token '{entry.Name}'", entry.Value), path);
        }
        return vocabulary.Size > 0
            ? vocabulary
            : throw new TokenizationException($"{path}: the vocabulary is empty; expected an object of token to id.");
    }

    /// <summary>Reads one merge a line, most important first; a first line that begins with #version is skipped.</summary>
    public static List<string> ReadMerges(string path, Vocabulary vocabulary)
    {
        string text;
        try
        {
            text = StrictUtf8.GetString(JsonFile.ReadBytes(path));
        }
        catch (DecoderFallbackException exception)
        {
            throw new TokenizationException($"{path} is not UTF-8 text; the file is damaged, fetch it again.", exception);
        }
        var merges = new List<string>(vocabulary.Size);
        var check = new MergeCheck(path, vocabulary);
        var number = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            number++;
            var line = text.AsSpan(range).TrimEnd('\r');
            if (line.IsEmpty || (number == 1 && line.StartsWith("#version", StringComparison.Ordinal)))
            {
                continue;
            }
            var merge = line.ToString();
            check.Add(merge, $"line {number}");
            merges.Add(merge);
        }
        return merges;
    }

    /// <summary>Refuses merges that are not two known tokens making a known token, and merges that come twice.</summary>
    internal sealed class MergeCheck(string path, Vocabulary vocabulary)
    {
        private readonly HashSet<string> _seen = new(vocabulary.Size, StringComparer.Ordinal);

        /// <param name="merge">The two tokens with one space between them.</param>
        /// <param name="place">Where in the file it stands, for the message.</param>
        public void Add(string merge, string place)
        {
            var space = merge.IndexOf(' ');
            if (space <= 0 || space == merge.Length - 1 || merge.IndexOf(' ', space + 1) >= 0)
            {
                throw new TokenizationException($"{path}, {place}: '{merge}' is not a merge; expected two tokens with one space between them.");
            }
            Require(merge.AsSpan(0, space), merge, place);
            Require(merge.AsSpan(space + 1), merge, place);
            var product = merge.Length <= 256 ? stackalloc char[merge.Length - 1] : new char[merge.Length - 1];
            merge.AsSpan(0, space).CopyTo(product);
            merge.AsSpan(space + 1).CopyTo(product[space..]);
            Require(product, merge, place);
            if (!_seen.Add(merge))
            {
                throw new TokenizationException($"{path}, {place}: the merge '{merge}' comes a second time; the file is damaged.");
            }
        }

        private void Require(ReadOnlySpan<char> token, string merge, string place)
        {
            if (!vocabulary.Contains(token))
            {
                throw new TokenizationException(
                    $"{path}, {place}: the merge '{merge}' needs the token '{token}', which the vocabulary does not have; the two files do not belong together.");
            }
        }
    }
}
