using System.Globalization;
using System.Text.Json;

namespace Palmyra.Tokenization;

/// <summary>What tokenizer_config.json, special_tokens_map.json and added_tokens.json say; each may be absent.</summary>
/// <remarks>Where two files name one role differently, tokenizer_config.json wins, as in transformers.</remarks>
internal sealed class TokenizerConfig
{
    private const string SettingsFile = "tokenizer_config.json";
    private const string RolesFile = "special_tokens_map.json";
    private const string AddedTokensFile = "added_tokens.json";

    private static readonly string[] OtherRoles = ["sep_token", "cls_token", "mask_token"];

    /// <summary>A token's text and the file that names it.</summary>
    internal readonly record struct NamedToken(string Content, string Role, string File);

    /// <summary>The files this is read from.</summary>
    public static IReadOnlyList<string> Files { get; } = [SettingsFile, RolesFile, AddedTokensFile];

    public NamedToken? Bos { get; private set; }

    public NamedToken? Eos { get; private set; }

    public NamedToken? Unk { get; private set; }

    public NamedToken? Pad { get; private set; }

    /// <summary>Further special tokens without a role of their own.</summary>
    public List<NamedToken> OtherSpecials { get; } = [];

    /// <summary>Tokens with ids, and the file each comes from.</summary>
    public List<(AddedToken Token, string File)> AddedTokens { get; } = [];

    public bool? AddPrefixSpace { get; private set; }

    public bool AddBosToken { get; private set; }

    public bool CleansUpSpaces { get; private set; }

    public int? ModelMaxLength { get; private set; }

    public static TokenizerConfig Read(string folder)
    {
        var config = new TokenizerConfig();
        config.ReadIfPresent(Path.Combine(folder, SettingsFile), config.ReadSettings);
        config.ReadIfPresent(Path.Combine(folder, RolesFile), config.ReadRoles);
        config.ReadIfPresent(Path.Combine(folder, AddedTokensFile), config.ReadAddedTokens);
        return config;
    }

    private void ReadIfPresent(string path, Action<string, JsonElement> read)
    {
        if (File.Exists(path))
        {
            JsonFile.Read(path, root =>
            {
                read(path, root);
                return true;
            });
        }
    }

    private void ReadSettings(string path, JsonElement root)
    {
        ReadRoles(path, root);
        AddPrefixSpace = JsonFile.Flag(path, root, "add_prefix_space");
        AddBosToken = JsonFile.Flag(path, root, "add_bos_token") ?? false;
        CleansUpSpaces = JsonFile.Flag(path, root, "clean_up_tokenization_spaces") ?? false;
        if (JsonFile.Member(root, "model_max_length") is { } length)
        {
            JsonFile.Expect(path, "\"model_max_length\"", length, JsonValueKind.Number);
            // transformers writes 1e30 for "no limit".
            ModelMaxLength = length.TryGetInt32(out var limit) && limit > 0 ? limit : null;
        }
        if (JsonFile.Object(path, root, "added_tokens_decoder") is { } decoder)
        {
            foreach (var entry in decoder.EnumerateObject())
            {
                if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                {
                    throw new Diagnostics.TokenizationException($"{path}: \"added_tokens_decoder\" has the key '{entry.Name}', expected an id; correct or remove the entry.");
                }
                JsonFile.Expect(path, $"\"added_tokens_decoder\" entry {id}", entry.Value, JsonValueKind.Object);
                AddedTokens.Add((ReadAddedToken(path, id, entry.Value), path));
            }
        }
    }

    /// <summary>Reads an added token as tokenizer.json and tokenizer_config.json write it.</summary>
    public static AddedToken ReadAddedToken(string path, int id, JsonElement entry) =>
        new(id, JsonFile.TokenContent(path, $"added token {id}", entry), JsonFile.Flag(path, entry, "special") ?? false)
        {
            StripsLeft = JsonFile.Flag(path, entry, "lstrip") ?? false,
            StripsRight = JsonFile.Flag(path, entry, "rstrip") ?? false,
            IsSingleWord = JsonFile.Flag(path, entry, "single_word") ?? false,
        };

    private void ReadAddedTokens(string path, JsonElement root)
    {
        foreach (var entry in root.EnumerateObject())
        {
            AddedTokens.Add((new AddedToken(JsonFile.Id(path, $"the id of token '{entry.Name}'", entry.Value), entry.Name, IsSpecial: false), path));
        }
    }

    private void ReadRoles(string path, JsonElement root)
    {
        Bos ??= Role(path, root, "bos_token");
        Eos ??= Role(path, root, "eos_token");
        Unk ??= Role(path, root, "unk_token");
        Pad ??= Role(path, root, "pad_token");
        foreach (var role in OtherRoles)
        {
            if (Role(path, root, role) is { } token)
            {
                OtherSpecials.Add(token);
            }
        }
        if (JsonFile.Array(path, root, "additional_special_tokens") is { } additional)
        {
            foreach (var entry in additional.EnumerateArray())
            {
                OtherSpecials.Add(new NamedToken(JsonFile.TokenContent(path, "an entry of \"additional_special_tokens\"", entry), "additional_special_tokens", path));
            }
        }
    }

    private static NamedToken? Role(string path, JsonElement root, string role) =>
        JsonFile.Member(root, role) is { } value ? new NamedToken(JsonFile.TokenContent(path, $"\"{role}\"", value), role, path) : null;
}
