namespace ClipTrain.Cli.Doctor;

/// <summary>What a check found. A fix is given when something is wrong.</summary>
public sealed record Finding(string Component, string Found, string? Fix)
{
    public bool IsWell => Fix is null;
}
