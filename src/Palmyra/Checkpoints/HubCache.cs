using System.Text.RegularExpressions;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Finds a model that huggingface_hub has downloaded before, without any network.</summary>
/// <remarks>
/// The layout is huggingface_hub's: <c>models--org--name/refs/main</c> holds a commit, <c>snapshots/&lt;commit&gt;</c> its files. The
/// cache is, as there, the first of HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub and
/// ~/.cache/huggingface/hub that the environment names.
/// </remarks>
internal static partial class HubCache
{
    private const int MaxReferenceLength = 256;

    /// <summary>The folder of a model's files.</summary>
    /// <param name="id">"org/name" or "name".</param>
    /// <param name="revision">A branch, tag or commit.</param>
    /// <param name="environment">Reads an environment variable; null or empty means unset.</param>
    /// <exception cref="CheckpointException">It is not an id, or the cache does not hold that revision; the message says where it looked.</exception>
    public static string Resolve(string id, string revision, Func<string, string?> environment)
    {
        if (!Id().IsMatch(id) || id.Contains("..", StringComparison.Ordinal) || id.Contains("--", StringComparison.Ordinal))
        {
            throw new CheckpointException($"'{id}' is neither an existing folder nor a model id of the form org/name.");
        }

        if (!Revision().IsMatch(revision) || revision.Contains("..", StringComparison.Ordinal))
        {
            throw new CheckpointException($"'{revision}' is not the name of a branch, tag or commit.");
        }

        string cache = Root(environment);
        string model = Path.Combine(cache, "models--" + id.Replace("/", "--", StringComparison.Ordinal));
        string reference = Path.Combine(model, "refs", revision);
        string commit = File.Exists(reference) ? ReadReference(reference) : revision;
        string snapshot = Path.Combine(model, "snapshots", commit);
        return Directory.Exists(snapshot)
            ? snapshot
            : throw new CheckpointException(
                $"'{id}' is not an existing folder, and revision '{revision}' of it is not in the Hugging Face cache; looked for {Path.GetFullPath(id)}, "
                + $"{reference} and {snapshot}. Palmyra does not download: fetch the model with 'hf download {id}', or give its folder.");
    }

    private static string Root(Func<string, string?> environment)
    {
        string? Variable(string name) => environment(name) is { Length: > 0 } value ? value : null;

        string? root = Variable("HF_HUB_CACHE") ?? Variable("HUGGINGFACE_HUB_CACHE");
        if (root is null && Variable("HF_HOME") is { } home)
        {
            root = Path.Combine(home, "hub");
        }

        if (root is null)
        {
            string cache = Variable("XDG_CACHE_HOME")
                ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            root = Path.Combine(cache, "huggingface", "hub");
        }

        return Path.GetFullPath(root);
    }

    private static string ReadReference(string path)
    {
        using var file = new MappedFile(path);
        string commit = file.Length <= MaxReferenceLength
            ? System.Text.Encoding.ASCII.GetString(file.Slice(0, (int)file.Length)).Trim()
            : string.Empty;
        return Commit().IsMatch(commit)
            ? commit
            : throw new CheckpointException($"{path}: the file was expected to hold a commit's hexadecimal name; found something else.");
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Revision();

    [GeneratedRegex(@"^[0-9a-f]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Commit();
}
