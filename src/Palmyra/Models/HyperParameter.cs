namespace Palmyra.Models;

/// <summary>A row of a hyper-parameter table.</summary>
/// <param name="Name">Its name as the model cards of this family print it: n_layers, d_model, ...</param>
/// <param name="Value">Its value, thousands set apart.</param>
public readonly record struct HyperParameter(string Name, string Value);
