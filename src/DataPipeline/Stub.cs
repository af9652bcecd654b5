#pragma warning disable
namespace ClipTrain.DataPipeline.Import { public static class DemoCorpus { public static bool IsComplete(string f)=>false; public static void Build(string a,string b,IProgress<string> p){} } public static class IconSets { public static Task FetchAsync(string f)=>Task.CompletedTask; } }
