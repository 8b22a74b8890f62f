namespace Palmyra.Testing;

/// <summary>Other people's data that is not part of the repository: a folder <c>shared</c> beside the repository's root, if there is one.</summary>
public static class SharedData
{
    /// <summary>The full path of a file or folder given relative to <c>shared</c>, or null if it is absent: then the test skips.</summary>
    public static string? PathOrNull(string relative)
    {
        string path = Path.GetFullPath(Path.Combine(Fixtures.RepositoryRoot, "..", "shared", relative));
        return Path.Exists(path) ? path : null;
    }
}
