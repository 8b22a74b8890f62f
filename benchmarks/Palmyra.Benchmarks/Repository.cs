namespace Palmyra.Benchmarks;

/// <summary>Finds the repository that the running assembly was built in.</summary>
internal static class Repository
{
    /// <summary>Its root.</summary>
    public static string Folder { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Palmyra.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("Palmyra.sln was expected in a folder above the benchmarks' binaries; run them from a clone.");
    }
}
