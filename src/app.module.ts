import { Module, type DynamicModule, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AccessModule } from './access/access.module.js';
import { ServerTls } from './access/web/server-tls.js';
import { AttachModule } from './attach/attach.module.js';
import { Config } from './config/config.js';
import { CommitsModule } from './commits/commits.module.js';
import { EngineModule } from './engine/engine.module.js';
import { LoadProgress } from './engine/load-progress.js';
import { FeedModule } from './feed/feed.module.js';
import { HealthModule } from './health/health.module.js';
import { ProblemsModule } from './problems/problems.module.js';
import { Draining } from './lifecycle/draining.js';
import { LifecycleModule } from './lifecycle/lifecycle.module.js';
import { MigrationModule } from './migration/migration.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { RoutingModule } from './routing/routing.module.js';
import { TasksModule } from './tasks/tasks.module.js';
import { EditsModule } from './workflows/edits/edits.module.js';
import { WorkflowsModule } from './workflows/workflows.module.js';

/** Provides what exists before the other modules: the configuration, the certificate, and the progress of the start. */
@Module({})
class ConfigModule {}

@Module({})
export class AppModule implements OnModuleDestroy {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly draining: Draining,
  ) {}

  static with(config: Config, tls: ServerTls, progress: LoadProgress): DynamicModule {
    return {
      module: AppModule,
      imports: [
        {
          module: ConfigModule,
          providers: [
            { provide: Config, useValue: config },
            { provide: ServerTls, useValue: tls },
            { provide: LoadProgress, useValue: progress },
          ],
          exports: [Config, ServerTls, LoadProgress],
          global: true,
        },
        LifecycleModule,
        MetricsModule,
        EditsModule,
        EngineModule,
        AccessModule,
        WorkflowsModule,
        TasksModule,
        CommitsModule,
        RoutingModule,
        FeedModule,
        HealthModule,
        ProblemsModule,
        MigrationModule,
        AttachModule,
      ],
    };
  }

  /**
   * Nest destroys the root module first, then the other modules, and closes the server last. Running requests are
   * finished here, while the engine is still open.
   */
  async onModuleDestroy(): Promise<void> {
    this.draining.begin();
    await this.http.httpAdapter?.close();
  }
}
