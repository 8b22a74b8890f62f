namespace Palmyra.Storyteller;

/// <summary>The model that ships with Palmyra: a small GPT-J trained on story books, as a Hugging Face folder beside the program.</summary>
public static class DefaultModel
{
    /// <summary>The folder: <c>storyteller</c> beside the application's binaries. Its README.md is the model card.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "storyteller");
}
