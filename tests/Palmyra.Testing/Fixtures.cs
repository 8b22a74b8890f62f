namespace Palmyra.Testing;

/// <summary>The committed fixture files, tests/Fixtures.</summary>
public static class Fixtures
{
    /// <summary>The repository's root: the first folder at or above the test binaries that holds Palmyra.sln.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The names of the fixture models, folders under models/, in ordinal order.</summary>
    public static IReadOnlyList<string> Models { get; } =
        [.. Directory.GetDirectories(Path("models")).Select(folder => System.IO.Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    /// <summary>The full path of a fixture, given relative to tests/Fixtures, for example <c>models/gpt2</c>.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(RepositoryRoot, "tests", "Fixtures", relative);

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Palmyra.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"Palmyra.sln was not found at or above {AppContext.BaseDirectory}.");
    }
}
